"""Jet: its halves, exact densities of couplings of patches, refusals."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests import checks
from tfp_flows import networks
from tfp_flows.models.jet import halves

tfd = tfp.distributions
TINY = dict(patch_size=2, channels=8, num_layers=1, num_heads=2)


def shaken(event_shape=(4, 4, 1), num_couplings=6, **options):
    """With weights that are not what they start as, where every coupling is the identity."""
    flow = tfp_flows.Jet(event_shape, num_couplings=num_couplings, dtype="float64", **{**TINY, **options})
    for k, weight in enumerate(flow.trainable_weights):
        weight.assign_add(0.3 * tf.random.stateless_normal(weight.shape, [k, 1], dtype=weight.dtype))
    return flow


def test_halves_of_channels_and_of_places_take_turns():
    found = halves((2, 4, 6), 35, seed=1)
    assert all(mask.sum() == 24 for mask in found)
    of_places = found[4::5]
    for k, mask in enumerate(found):
        assert (mask == mask[0, 0]).all() == (k % 5 != 4)
    wanted = [[[1, 0, 1, 0], [0, 1, 0, 1]], [[1, 0, 1, 0], [1, 0, 1, 0]], [[1, 1, 1, 1], [0, 0, 0, 0]]]
    for first, other, rows in zip(of_places[::2], of_places[1::2], wanted):
        np.testing.assert_array_equal(first, np.broadcast_to(np.array(rows, bool)[..., None], first.shape))
        np.testing.assert_array_equal(other, ~first)
    np.testing.assert_array_equal(of_places[6], of_places[0])
    channels = {tuple(mask[0, 0]) for k, mask in enumerate(found) if k % 5 != 4}
    assert len(channels) > 10
    np.testing.assert_array_equal(halves((2, 4, 6), 3, seed=1)[2], found[2])
    assert (halves((2, 4, 6), 3, seed=2)[2] != found[2]).any()


@pytest.mark.parametrize("options", [{}, dict(reversible=True, num_classes=2)])
def test_the_density_is_exact_both_ways(options):
    flow = shaken(num_bins=7, **options)
    x = tf.random.stateless_uniform([3, 4, 4, 1], [0, 1], 0, 7, dtype=tf.float64)
    context = None if "num_classes" not in options else np.array([0, 1, 1])
    given = lambda n: {} if context is None else {"context": tf.repeat(tf.one_hot(context, 2, dtype=x.dtype), n, 0)}
    bijector = flow.distribution.bijector
    z = bijector.inverse(tf.identity(x), **given(1))
    assert np.abs(tf.sort(tf.reshape(z, [3, 16])) - tf.sort(tf.reshape(x, [3, 16]) * 2 / 7 - 1)).max() > 0.1
    checks.close(bijector.forward(tf.identity(z), **given(1)), x, 1e-9)
    jacobian = checks.jacobian_log_det(lambda x: tf.reshape(bijector.inverse(x, **given(16)), [-1, 16]), x)
    wanted = tf.reduce_sum(tfd.Normal(tf.zeros([], x.dtype), 1.0).log_prob(z), axis=(1, 2, 3)) + jacobian
    checks.close(flow.log_prob(x, context), wanted, 1e-8)


def test_every_token_sees_all():
    net = networks.Transformer((3, 2), 1, 4, 1, 2, output_initializer="glorot_uniform", dtype="float64")
    x = tf.random.stateless_normal([1, 6], [0, 1], dtype=tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        raw = net(x)
    assert (np.abs(tape.batch_jacobian(raw, x)) > 0).all()


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: shaken((6, 8, 1)),
            "Expected a patch_size that leaves even numbers .*; got 2, which leaves 3, 4 and 4",
        ),
        (lambda: shaken((4, 4, 1), patch_size=1), "Expected a patch_size that leaves even numbers .* 4, 4 and 1"),
        (lambda: shaken((4, 6, 1), patch_size=4), "Expected a patch_size that divides 4 and 6; got 4"),
        (lambda: shaken((16,)), r"Expected event_shape \(height, width, channels\), .*; got \(16,\)"),
        (lambda: shaken(num_heads=3), "Expected channels that are a multiple of num_heads=3; got 8"),
        (lambda: shaken(num_couplings=0), "Expected num_couplings to be a positive integer; got 0"),
        (lambda: shaken(channels=0), "Expected channels to be a positive integer; got 0"),
        (lambda: shaken(dequantization="gaussian"), "Expected dequantization to be one of .*; got 'gaussian'"),
        (lambda: networks.Transformer((3, 2))(np.zeros([1, 5])), "Expected 3 x 2 numbers in .*; got shape"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_patch_size_is_one_that_leaves_halves():
    for shape, patch_size in (((28, 28, 1), 2), ((32, 32, 3), 4), ((8, 8, 1), 4)):
        flow = tfp_flows.Jet(shape, channels=4, num_couplings=1, num_layers=1)
        assert flow.get_config()["patch_size"] == patch_size
