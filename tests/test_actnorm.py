"""Data-dependent initialisation: inside `initializing()`, once, in order, and never by any other way."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, masks
from tfp_flows.networks import MLP

tfb, tfd = tfp.bijectors, tfp.distributions
X = np.random.default_rng(0).normal(size=(500, 4)).astype("float32") * [1.0, 2.0, 0.1, 5.0] + [0.0, 3.0, -1.0, 10.0]
X = tf.constant(X, tf.float32)


def standard(values, atol=1e-3):
    values = np.asarray(values).reshape(-1, values.shape[-1])
    np.testing.assert_allclose(values.mean(0), 0, atol=atol)
    np.testing.assert_allclose(values.std(0), 1, atol=atol)


@pytest.mark.parametrize("chain", [bijectors.Chain, tfb.Chain])
def test_each_sees_what_the_ones_before_give(chain):
    mask = masks.half(4)
    norms = [bijectors.ActNorm(4) for _ in range(3)]
    nets = [MLP(4, (8,), output_initializer="glorot_uniform") for _ in range(3)]
    couplings = [bijectors.AffineCoupling(m, net) for m, net in zip(masks.alternating(mask, 3), nets)]
    whole = chain([part for pair in zip(norms, couplings) for part in pair])
    with bijectors.initializing():
        whole.inverse(tf.identity(X))
    y = X
    for norm, coupling in zip(norms, couplings):
        assert not norm.needs_initialization
        y = norm.inverse(tf.identity(y))
        standard(y)
        y = coupling.inverse(tf.identity(y))


def test_nothing_but_initializing_initialises(tmp_path):
    norm = bijectors.ActNorm(4)
    flow = tfd.TransformedDistribution(tfd.Sample(tfd.Normal(0.0, 1.0), 4), norm)
    flow.log_prob(X), flow.sample(3), norm.inverse(X), tf.function(flow.log_prob)(X)
    module = tf.Module()
    module.flow = flow
    module.score = tf.function(flow.log_prob, input_signature=[tf.TensorSpec([None, 4])])
    tf.saved_model.save(module, str(tmp_path))
    assert norm.needs_initialization and not np.any(norm.loc) and not np.any(norm.log_scale)


def test_once_only():
    norm = bijectors.ActNorm(4)
    with bijectors.initializing():
        norm.inverse(tf.identity(X))
    before = norm.loc.numpy()
    with bijectors.initializing():
        norm.inverse(5 * X)
    np.testing.assert_array_equal(norm.loc, before)


def test_a_forward_pass_initialises_the_data_side():
    for norm in (bijectors.ActNorm(4), tfb.Invert(bijectors.ActNorm(4))):
        with bijectors.initializing():
            norm.forward(tf.identity(X))
        standard(norm.forward(tf.identity(X)))


def test_images_are_normalised_by_channel():
    norm = bijectors.ActNorm(4, event_ndims=3)
    images = tf.reshape(X, [20, 5, 5, 4])
    with bijectors.initializing():
        norm.inverse(tf.identity(images))
    standard(norm.inverse(tf.identity(images)))
    assert norm.loc.shape == (4,)


@pytest.mark.parametrize("make", [lambda: bijectors.ActNorm(4), lambda: bijectors.Rescale((4,))])
def test_a_constant_feature_stays_finite_and_reasonable(make):
    """Its scale is taken from no noise: it stays 1, so that one other value later does not explode."""
    layer = make()
    x = tf.concat([X[:, :3], tf.fill([500, 1], 7.0)], axis=1)
    with bijectors.initializing():
        layer.inverse(tf.identity(x))
    z = layer.inverse(tf.identity(x) + [0.0, 0.0, 0.0, 1.0]).numpy()
    assert np.isfinite(z).all() and np.abs(z[:, 3]).max() < 10


def test_inside_a_graph_it_is_refused():
    norm = bijectors.ActNorm(4)
    with pytest.raises(ValueError, match="Expected data-dependent initialisation to run eagerly"):
        with bijectors.initializing():
            tf.function(norm.inverse)(X)


def test_rescale_gives_standard_deviation_one():
    layer = bijectors.Rescale((4,))
    with bijectors.initializing():
        layer.inverse(tf.identity(X))
    np.testing.assert_allclose(np.std(layer.inverse(tf.identity(X)), axis=0), 1, atol=1e-3)
