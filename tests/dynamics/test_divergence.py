"""Divergences: exact by either way, and unbiased by probes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import checks
from tfp_flows.dynamics import divergence
from tfp_flows.networks import TimeMLP


def field(activation="tanh", **options):
    keras.utils.set_random_seed(0)
    net = TimeMLP(3, (6, 5), activation=activation, output_initializer="glorot_uniform", dtype="float64", **options)
    x, t = tf.constant(np.random.default_rng(1).normal(size=(7, 3))), tf.linspace(tf.constant(0.0, tf.float64), 1, 7)
    plain = lambda x: net(x, tf.tile(t, [tf.shape(x)[0] // 7]))
    known = lambda x: plain(x)
    known.jvp = lambda x, tangents: net.jvp(x, t, tangents)
    return plain, known, x


def jacobian(function, x):
    """(n, 3, 3), by automatic differentiation."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.batch_jacobian(y, x).numpy()


@pytest.mark.parametrize(
    "options",
    [dict(activation="swish"), dict(activation="tanh", num_octaves=3), dict(activation="softplus")],
    ids=["swish", "tanh with octaves", "softplus"],
)
def test_the_trace_is_that_of_the_jacobian(options):
    plain, known, x = field(**options)
    full = jacobian(plain, x)
    for velocity in (plain, known):
        value, trace, products = divergence.value_and_divergence(velocity, x, None)
        checks.close(value, plain(x), 1e-12)
        checks.close(trace, np.trace(full, axis1=1, axis2=2), 1e-12)
        checks.close(tf.reduce_sum(products**2, [0, 2]), (full**2).sum((1, 2)), 1e-12)


@pytest.mark.parametrize("num_octaves", [0, 2])
def test_products_of_the_network_are_those_of_its_jacobian(num_octaves):
    plain, known, x = field(num_octaves=num_octaves)
    tangents = tf.constant(np.random.default_rng(2).normal(size=(4, 7, 3)))
    checks.close(known.jvp(x, tangents)[1], np.einsum("nij,knj->kni", jacobian(plain, x), tangents), 1e-12)


@pytest.mark.parametrize("kind", divergence.PROBES)
def test_probes_are_unbiased(kind):
    for velocity in field()[:2]:
        x = field()[2]
        vectors = divergence.probes(kind, 1000, tf.shape(x), [3, 4], tf.float64)
        _, mean, products = divergence.value_and_divergence(velocity, x, vectors)
        each = tf.reduce_sum(vectors * products, 2).numpy()
        exact = divergence.value_and_divergence(velocity, x, None)[1]
        error = each.std(0, ddof=1) / np.sqrt(1000)
        assert (np.abs(mean - exact) < 3.5 * error).all() and (error > 0).all()


def test_probes_have_unit_covariance_and_follow_the_seed():
    for kind in divergence.PROBES:
        e = divergence.probes(kind, 20000, [1, 2], [0, 7], tf.float64)[:, 0].numpy()
        np.testing.assert_allclose(np.cov(e.T), np.eye(2), atol=0.05)
        np.testing.assert_array_equal(e, divergence.probes(kind, 20000, [1, 2], [0, 7], tf.float64)[:, 0])
        assert not np.array_equal(e, divergence.probes(kind, 20000, [1, 2], [0, 8], tf.float64)[:, 0])
