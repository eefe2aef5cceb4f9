"""A batch crosses each network once, and what is remembered of it is never too much, too long or somebody else's."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.cases import build, events
from tfp_flows import bijectors, masks
from tfp_flows.networks import MLP

tfb, tfd = tfp.bijectors, tfp.distributions
NUM_COUPLINGS = 5


class Counting(MLP):
    calls = 0

    def call(self, x, context=None):
        Counting.calls += 1
        return super().call(x, context)


def counted(kind):
    layers = []
    for mask in masks.alternating(masks.half(4), NUM_COUPLINGS):
        layers += [bijectors.AffineCoupling(mask, Counting(4, (8,))), tfb.Scale(2.0)]
    return tfd.TransformedDistribution(tfd.Independent(tfd.Normal(tf.zeros(4), 1.0), 1), kind(layers))


KINDS = {
    "tfb.Chain": tfb.Chain,
    "Chain": bijectors.Chain,
    "tfb.Invert": lambda parts: tfb.Invert(bijectors.Chain(parts)),
    "Chain in tfb.Chain": lambda parts: tfb.Chain([bijectors.Chain(parts[:5]), bijectors.Chain(parts[5:])]),
}
RUNS = {
    "log_prob": lambda flow, x: flow.log_prob(x),
    "sample, then log_prob": lambda flow, x: flow.log_prob(flow.sample(3, seed=[0, 1])),
    "sample_and_log_prob": lambda flow, x: flow.experimental_sample_and_log_prob(3, seed=[1, 2]),
    "inverse and its log_det": lambda flow, x: (
        flow.bijector.inverse(x), flow.bijector.inverse_log_det_jacobian(x, event_ndims=1)
    ),
    "inverse log_det": lambda flow, x: flow.bijector.inverse_log_det_jacobian(x, event_ndims=1),
    "forward log_det": lambda flow, x: flow.bijector.forward_log_det_jacobian(x, event_ndims=1),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("run", RUNS)
def test_each_network_is_called_once(kind, run):
    flow, x = counted(KINDS[kind]), tf.random.stateless_normal([3, 4], [0, 1])
    Counting.calls = 0
    RUNS[run](flow, x)
    assert Counting.calls == NUM_COUPLINGS
    assert traced_matmuls(lambda x: RUNS[run](flow, x), x) == 2 * NUM_COUPLINGS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["forward", "inverse"])
def test_a_traced_log_det_gives_the_value_that_is_asked_for_later(kind, way):
    """In eager code it cannot: TFP's cache holds a value as long as somebody else does."""
    bijector, x = counted(KINDS[kind]).bijector, tf.random.stateless_normal([3, 4], [0, 1])

    def run(x):
        log_det = getattr(bijector, f"{way}_log_det_jacobian")(x, event_ndims=1)
        return getattr(bijector, way)(x), log_det

    assert traced_matmuls(run, x) == 2 * NUM_COUPLINGS


def traced_matmuls(function, x):
    graph = tf.function(function).get_concrete_function(x).graph
    return sum(op.type == "MatMul" for op in graph.get_operations())


def test_equal_bijectors_share_no_cache_entries():
    one, two = bijectors.Rescale((2,)), bijectors.Rescale((2,))
    two.s.assign([1.0, 1.0])
    x = tf.constant([[1.0, 2.0]])
    assert one == one and one != two
    assert not np.allclose(one.forward(x), two.forward(x))
    assert not np.allclose(
        one.forward_log_det_jacobian(x, event_ndims=1), two.forward_log_det_jacobian(x, event_ndims=1)
    )


def test_another_context_is_not_answered_from_the_cache():
    net = MLP(4, (8,), context_shape=(2,), output_initializer="glorot_uniform")
    flow = bijectors.Chain([bijectors.AffineCoupling(masks.half(4), net)])
    x, one, two = tf.ones([3, 4]), tf.zeros([3, 2]), tf.ones([3, 2])
    first, log_det = flow.inverse(x, context=one), flow.inverse_log_det_jacobian(x, event_ndims=1, context=one)
    assert np.abs(flow.inverse(x, context=two) - first).max() > 1e-3
    assert np.abs(flow.inverse_log_det_jacobian(x, event_ndims=1, context=two) - log_det).max() > 1e-3
    assert flow.inverse(x, context=one) is first


@pytest.mark.parametrize("name", ["affine_half", "constant_chain", "actnorm"])
def test_traced_graphs_are_released(name):
    bijector, y = build(name), events(name)
    if name == "constant_chain":  # TFP's own bijectors keep every graph
        bijector = bijectors.Chain([part for part in bijector.bijectors if isinstance(part, bijectors.Bijector)])

    def trace():
        function = tf.function(lambda y: bijector.inverse_log_det_jacobian(y, event_ndims=1))
        return weakref.ref(function.get_concrete_function(y).graph)

    graphs = [trace() for _ in range(3)]
    gc.collect()
    assert [graph() for graph in graphs] == [None, None, None]


def test_eager_entries_are_released():
    bijector = build("affine_half")
    storage = bijectors.Bijector._cache.storage
    gc.collect()
    before = len(storage)
    for seed in range(3):
        bijector.inverse_log_det_jacobian(events("affine_half", seed=seed), event_ndims=1)
    gc.collect()
    assert len(storage) == before


def test_inside_a_branch_and_again_outside():
    bijector = build("affine_half", "float32")

    @tf.function
    def run(y):
        first = tf.cond(y[0, 0] > -100.0, lambda: bijector.inverse(y), lambda: y)
        return first, bijector.inverse(y), bijector.inverse_log_det_jacobian(y, event_ndims=1)

    first, second, log_det = run(events("affine_half", dtype="float32"))
    np.testing.assert_array_equal(first, second)
    assert np.isfinite(log_det).all()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_inside_a_loop(jit_compile):
    bijector, y = build("affine_half"), events("affine_half")

    @tf.function(jit_compile=jit_compile)
    def run(y):
        return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, bijector.inverse(y)), [0, y])[1]

    expected = y
    for _ in range(3):
        expected = bijector.inverse(tf.identity(expected))
    np.testing.assert_allclose(run(y), expected, rtol=1e-9)
