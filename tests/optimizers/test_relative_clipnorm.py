"""Gradients are cut to a multiple of what is usual: by whatever unit, batch or model they are long or short."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows.optimizers import FusedAdam


def moments(optimizer):
    return [v.numpy() for v in optimizer.variables[2:]]


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e6])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_what_is_cut_and_to_what(unit, kind):
    """Steps with the gradients of a program equal Adam's with those gradients cut by hand, over all weights."""
    random = np.random.default_rng(0)
    lengths = [1.0, 1.2, 500.0, 0.8, 1e12, 2.9, 0.1, 350.0]
    gradients = [(unit * s * random.normal(size=[3, 2]), unit * s * random.normal(size=[4])) for s in lengths]
    squares, cut = 0.0, []
    for t, pair in enumerate(gradients):
        length = np.sqrt(sum((g**2).sum() for g in pair))
        usual = np.sqrt(squares / (1 - 0.9**t)) if t else np.inf
        pair = [g * min(1.0, 2.5 * usual / length) for g in pair]
        squares = 0.9 * squares + 0.1 * sum((g**2).sum() for g in pair)
        cut.append((pair, length > 2.5 * usual))
    assert [was_cut for _, was_cut in cut] == [False, False, True, False, True, False, False, True]
    options = dict(learning_rate=0.1, beta_2=0.9, epsilon=1e-30)
    ours, plain = FusedAdam(relative_clipnorm=2.5, **options), keras.optimizers.Adam(**options)
    weights = [[keras.Variable(np.zeros(shape, "float32")) for shape in ([3, 2], [4])] for _ in range(2)]
    for pair, (other, _) in zip(gradients, cut):
        given = [tf.constant(g, tf.float32) for g in pair]
        if kind == "sparse":
            given[0] = tf.IndexedSlices(given[0], tf.constant([0, 1, 2]), tf.constant([3, 2]))
        ours.apply(given, weights[0])
        plain.apply([tf.constant(g, tf.float32) for g in other], weights[1])
        for a, b in zip(*weights):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-4, atol=1e-6)


def test_an_infinite_length_moves_nothing():
    weight = keras.Variable(np.zeros(2, "float32"))
    optimizer = FusedAdam(0.1, relative_clipnorm=1.5)
    for gradient in ([1.0, -1.0], [1.0, -1.0]):
        optimizer.apply([tf.constant(gradient)], [weight])
    before = moments(optimizer)[1]
    # Its square has no place in float32.
    optimizer.apply([tf.constant([1e25, 1.0])], [weight])
    assert np.isfinite(weight.numpy()).all() and (moments(optimizer)[1] <= before).all()


def test_adam_by_name_clips_and_an_optimizer_is_taken_as_it_is():
    flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
    for name in ("adam", "Adam"):
        flow.compile(name)
        assert type(flow.optimizer) is FusedAdam and flow.optimizer.relative_clipnorm > 1
        assert float(flow.optimizer.learning_rate) == pytest.approx(1e-3)
        # As with Keras' own it may be set, by callbacks too.
        flow.optimizer.learning_rate = 3e-4
    own = keras.optimizers.Adam(1e-2)
    flow.compile(own)
    assert flow.optimizer is own
    flow.compile("sgd")
    assert type(flow.optimizer) is keras.optimizers.SGD


def test_one_event_far_from_all_others_spoils_nothing():
    """A normal, its mean and scale to be found by steps that see a value of 1e6 now and then, which freezes Adam."""
    x = (2 + 0.5 * np.random.default_rng(0).normal(size=(4096, 2))).astype("float32")
    outliers = x.copy()
    outliers[500::300] = 1e6
    found = {}
    for clip in (None, 1.5):
        keras.utils.set_random_seed(0)
        flow = tfp_flows.MAF((2,), num_layers=2, hidden_units=16, actnorm=False)
        flow.compile(FusedAdam(1e-2, relative_clipnorm=clip))
        flow.initialize(x)
        flow.fit(outliers, epochs=3, batch_size=64, shuffle=False, verbose=0)
        found[clip] = float(np.mean(flow.log_prob(x)))
    truth = -2 * (0.5 + 0.5 * np.log(2 * np.pi) + np.log(0.5))
    assert found[1.5] > truth - 0.02 and found[None] < truth - 0.1, found


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan")])
def test_no_positive_number_is_refused(value):
    with pytest.raises(ValueError, match="Expected relative_clipnorm to be a positive number or None; got"):
        FusedAdam(relative_clipnorm=value)
