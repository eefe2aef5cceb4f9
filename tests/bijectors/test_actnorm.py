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


@pytest.mark.parametrize("wrap", [lambda b: b, tfb.Invert, lambda b: tfb.Chain([b]), lambda b: bijectors.Chain([b])])
@pytest.mark.parametrize("way", ["forward", "inverse"])
def test_what_comes_out_is_standard_in_either_direction(wrap, way):
    norm = bijectors.ActNorm(4)
    run = getattr(wrap(norm), way)
    with bijectors.initializing():
        standard(run(tf.identity(X)))
    assert not norm.needs_initialization
    standard(run(tf.identity(X)))


def test_base_samples_initialise_a_flow_that_only_samples():
    norms = [bijectors.ActNorm(4) for _ in range(2)]
    mask = masks.half(4)
    coupling = bijectors.AffineCoupling(mask, MLP(4, (8,), output_initializer="glorot_uniform"))
    flow = tfd.TransformedDistribution(
        tfd.Sample(tfd.Normal(0.0, 1.0), 4), bijectors.Chain([norms[0], coupling, norms[1]])
    )
    with bijectors.initializing():
        standard(flow.sample(500, seed=[0, 1]))
    standard(flow.sample(500, seed=[0, 1]))


def test_that_it_has_happened_is_saved(tmp_path):
    norm, again = bijectors.ActNorm(4), bijectors.ActNorm(4)
    with bijectors.initializing():
        norm.inverse(tf.identity(X))
    tf.train.Checkpoint(norm=norm).write(str(tmp_path / "norm"))
    tf.train.Checkpoint(norm=again).read(str(tmp_path / "norm")).assert_consumed()
    assert not again.needs_initialization
    with bijectors.initializing():
        again.inverse(5 * X)
    np.testing.assert_array_equal(again.loc, norm.loc)
    np.testing.assert_array_equal(again.log_scale, norm.log_scale)


def test_images_are_normalised_by_channel():
    norm = bijectors.ActNorm(4, event_ndims=3)
    images = tf.reshape(X, [20, 5, 5, 4])
    with bijectors.initializing():
        norm.inverse(tf.identity(images))
    standard(norm.inverse(tf.identity(images)))
    assert norm.loc.shape == (4,)


@pytest.mark.parametrize("make", [lambda: bijectors.ActNorm(4), lambda: bijectors.Rescale((4,))])
def test_a_constant_feature_stays_finite_and_reasonable(make):
    """Its scale is taken from no rounding error: it stays 1, so that one other value later does not explode."""
    for value in (0.0, 7.0, 1e-3, -3.3e5):
        layer = make()
        x = tf.concat([X[:, :3], tf.fill([500, 1], value)], axis=1)
        with bijectors.initializing():
            layer.inverse(tf.identity(x))
        z = layer.inverse(x + [0.0, 0.0, 0.0, 1.0]) - layer.inverse(tf.identity(x))
        np.testing.assert_allclose(z[:, 3], 1.0, rtol=0.05)


def test_a_feature_that_varies_little_is_no_constant():
    x = tf.constant(np.random.default_rng(0).normal([1e-6, 1e6], [1e-9, 1e-3], (500, 2)))
    norm = bijectors.ActNorm(2, dtype="float64")
    with bijectors.initializing():
        standard(norm.inverse(tf.identity(x)))


@pytest.mark.parametrize("values", [[[np.nan, 1.0]], [[np.inf, 1.0], [0.0, 0.0]], [[0.0, -np.inf], [0.0, 1.0]]])
def test_what_is_not_finite_initialises_nothing(values):
    norm = bijectors.ActNorm(2)
    with pytest.raises(ValueError, match="Expected finite data to initialise 'act_norm' from; got"):
        with bijectors.initializing():
            norm.inverse(tf.constant(values, tf.float32))
    assert norm.needs_initialization and not np.any(norm.loc) and not np.any(norm.log_scale)


def test_a_single_event_is_centred():
    norm = bijectors.ActNorm(4)
    with bijectors.initializing():
        np.testing.assert_allclose(norm.inverse(X[:1]), np.zeros((1, 4)), atol=1e-6)
    assert not np.any(norm.log_scale)


def test_inside_a_graph_it_is_refused():
    for spec in (tf.TensorSpec([None, 4]), tf.TensorSpec(None)):
        norm = bijectors.ActNorm(4)
        with pytest.raises(ValueError, match="Expected data-dependent initialisation to run eagerly"):
            with bijectors.initializing():
                tf.function(norm.inverse, input_signature=[spec])(X)


def test_the_context_ends_with_an_error_as_well():
    with pytest.raises(KeyError):
        with bijectors.initializing():
            raise KeyError
    assert not bijectors.is_initializing()


def test_rescale_gives_standard_deviation_one():
    layer = bijectors.Rescale((4,))
    with bijectors.initializing():
        layer.inverse(tf.identity(X))
    np.testing.assert_allclose(np.std(layer.inverse(tf.identity(X)), axis=0), 1, atol=1e-3)
