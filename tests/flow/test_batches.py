"""Batches of any rank with TFP's shapes: each event is scored, drawn, encoded and decoded with its own context."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.distributions import coupling, normal, ours
from tfp_flows import bijectors, masks
from tfp_flows.networks import ConvNet

tfb, tfd = tfp.bijectors, tfp.distributions
RANDOM = np.random.default_rng(5)


def images():
    couplings = [
        bijectors.AffineCoupling(mask, ConvNet(2, 4, context_shape=(4, 4, 1)))
        for mask in masks.alternating(masks.checkerboard((4, 4, 1)), 2)
    ]
    base = tfd.Independent(tfd.Normal(tf.zeros([4, 4, 1]), 1.0), 3)
    return tfp_flows.Flow(tfd.TransformedDistribution(base, bijectors.Chain(couplings)))


def vectors():
    couplings = [coupling(3, flip, context_shape=(2,)) for flip in (False, True)]
    return tfp_flows.Flow(tfd.TransformedDistribution(normal(3), bijectors.Chain(couplings)))


FLOWS = {
    "vectors": vectors,
    "labels": lambda: tfp_flows.IAF((3,), num_layers=1, hidden_units=8, num_classes=4),
    "images": images,
}


@functools.cache
def flow(kind):
    """A flow that depends on its context."""
    made = FLOWS[kind]()
    for k, weight in enumerate(made.trainable_weights):
        weight.assign(0.5 * tf.random.stateless_normal(weight.shape, [k, 7]))
    return made


def contexts(kind, *batch):
    if kind == "labels":
        return (np.arange(np.prod(batch, dtype=int)).reshape(batch) * 3 + 1) % 4
    return RANDOM.normal(size=(*batch, *((2,) if kind == "vectors" else (4, 4, 1)))).astype("float32")


def rows(kind, c, shape):
    """Contexts, each of them, for a batch of events of this shape."""
    one = c.shape[c.ndim - {"vectors": 1, "labels": 0, "images": 3}[kind] :]
    return np.broadcast_to(c, (*shape, *one)).reshape(-1, *one)


@pytest.mark.parametrize("kind, sample, batch", [
    ("vectors", (2,), (3,)), ("vectors", (), (5,)), ("vectors", (2, 3), ()), ("vectors", [1], (2, 2)),
    ("labels", (2,), (3,)), ("images", (2, 1), (2,)),
])  # fmt: skip
def test_so_many_are_drawn_of_each_context(kind, sample, batch):
    model, c = flow(kind), contexts(kind, *batch)
    shape = (*sample, *batch)
    n = int(np.prod(shape, dtype=int))
    x = model.sample(sample, seed=4, context=c).numpy()
    assert x.shape == (*shape, *model.event_shape)
    expected = model.sample(n, seed=4, context=rows(kind, c, shape)).numpy()
    np.testing.assert_allclose(x.reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)
    others = (rows(kind, c, shape) + 1) % 4 if kind == "labels" else 1 - rows(kind, c, shape)
    assert np.abs(model.sample(n, seed=4, context=others) - expected).max() > 0.01
    drawn, log_prob = model.sample_and_log_prob(sample, c, seed=4)
    assert log_prob.shape == shape
    np.testing.assert_allclose(drawn, x, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(log_prob, model.log_prob(x, c), rtol=1e-3, atol=1e-3)


BROADCAST = [((), (5,)), ((1,), (3,)), ((2, 3), ()), ((4, 1), (3,)), ((2, 1), (2, 3)), ((3,), (2, 1)), ((2, 2), (2, 2))]


@pytest.mark.parametrize(
    "kind, batch, others",
    [*(("vectors", *shapes) for shapes in BROADCAST), ("labels", (), (5,)), ("images", (2, 1), (2, 3))],
)
def test_events_and_contexts_are_broadcast(kind, batch, others):
    model, c = flow(kind), contexts(kind, *others)
    shape = np.broadcast_shapes(batch, others)
    x = RANDOM.normal(size=(*batch, *model.event_shape)).astype("float32")
    each = np.broadcast_to(x, (*shape, *model.event_shape)).reshape(-1, *model.event_shape)
    own = rows(kind, c, shape)
    for way in (model.log_prob, model.encode, model.decode):
        expected = way(each, own).numpy()
        got = way(x, c).numpy()
        assert got.shape == (*shape, *expected.shape[1:])
        np.testing.assert_allclose(got.reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)


def test_without_a_context_shapes_are_those_of_tfp():
    model = tfp_flows.Flow(ours())
    for k, weight in enumerate(model.trainable_weights):
        weight.assign(0.3 * tf.random.stateless_normal(weight.shape, [k, 1]))
    for shape in ((3, 4), (), tf.TensorShape([2, 1]), np.array([5])):
        x = model.sample(shape, seed=2)
        np.testing.assert_allclose(x, model.distribution.sample(shape, seed=[0, 2]), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(model.log_prob(x), model.distribution.log_prob(tf.identity(x)), rtol=1e-5, atol=1e-5)
    x = RANDOM.normal(size=(3, 4, 2)).astype("float32")
    np.testing.assert_allclose(model.decode(model.encode(x)), x, atol=1e-5)
    assert model.log_prob([0.5, 1.0]).shape == ()
    scalar = tfp_flows.Flow(tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), tfb.Scale(tf.Variable(2.0))))
    assert scalar.log_prob(1.0).shape == () and scalar.log_prob([[1.0, 2.0]]).shape == (1, 2)


def test_one_for_each_and_one_for_all_in_turn():
    model, x, c = flow("vectors"), RANDOM.normal(size=(4, 3)).astype("float32"), contexts("vectors", 4)
    for own in (c, c[1], c[2:3], np.broadcast_to(c[3], (4, 2)), c[0]):
        expected = model.log_prob(x, np.broadcast_to(own, (4, 2)))
        np.testing.assert_allclose(model.log_prob(x, own), expected, rtol=1e-5)
        np.testing.assert_allclose(model.decode(model.encode(x, own), own), x, atol=1e-5)
        assert model.sample(4, context=own).shape == (4, 3)


def test_in_a_graph_of_unknown_sizes():
    model = flow("vectors")

    @tf.function(input_signature=[tf.TensorSpec([None, 1, 3]), tf.TensorSpec([None, 2]), tf.TensorSpec([2], tf.int32)])
    def both(x, c, shape):
        return model.log_prob(x, c), model.sample(shape, seed=3, context=c)

    x, c = RANDOM.normal(size=(4, 1, 3)).astype("float32"), contexts("vectors", 5)
    log_prob, drawn = both(x, c, [2, 3])
    np.testing.assert_allclose(log_prob, model.log_prob(x, c), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(drawn, model.sample((2, 3), seed=3, context=c), rtol=1e-4, atol=1e-5)


def test_integers_and_text():
    digits = tfp_flows.MAF((2,), num_bins=8, num_layers=1, hidden_units=8, num_classes=2)
    digits.class_labels = tfp_flows.data.Labels(["cat", "dog"])
    x = RANDOM.integers(0, 8, (3, 1, 2)).astype("uint8")
    np.testing.assert_allclose(digits.log_prob(x, ["dog", "cat"]), digits.log_prob(x, [1, 0]), rtol=1e-6)
    assert digits.sample((2,), context=[["dog"], ["cat"]]).shape == (2, 2, 1, 2)


@pytest.mark.parametrize("call, message", [
    (lambda: flow("vectors").log_prob(np.zeros((4, 3)), contexts("vectors", 5, 2)),
     r"Expected contexts whose batch shape goes with that of the events, \(4,\); got \(5, 2\)"),
    (lambda: flow("vectors").log_prob(np.zeros((4, 3)), contexts("vectors", 5)), "Expected one context for each of 4"),
    (lambda: flow("vectors").sample((2,), context=np.zeros((2, 1))), r"Expected a context of shape \(n, 2\).*got"),
    (lambda: flow("vectors").sample(4, context=np.zeros((2, 2, 2))), r"Expected a context of shape \(n, 2\).*got"),
    (lambda: flow("vectors").sample((2,)), "Expected a context, for the flow is conditional; got none"),
    (lambda: flow("labels").log_prob(np.zeros((2, 3)), [[0], [1]]), r"one an event; got int64 \(2, 1\)"),
    (lambda: flow("labels").sample((2,), context=[[0], [4]]), r"Expected class labels as integers 0\.\.3.*got 4"),
    (lambda: flow("labels").sample((2, 0), context=1), r"Expected a sample shape of positive integers; got \(2, 0\)"),
    (lambda: flow("labels").sample([1.5], context=1), r"Expected a sample shape of positive integers; got \[1.5\]"),
    (lambda: flow("images").log_prob(np.zeros((2, 2, 4, 1))), r"Expected x of shape \(batch, 4, 4, 1\); got \(2, 2,"),
])  # fmt: skip
def test_what_does_not_go_together_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
