"""What is let go of is gone: no model, and none of its graphs, is alive after its last name."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.models.cases import CASES, build, events
from tfp_flows import serving, training

tfb, tfd = tfp.bijectors, tfp.distributions


def graphs():
    """How many graphs of functions are alive."""
    # A cycle may be found unreachable one round after its parts.
    gc.collect(), gc.collect()
    return sum(isinstance(part, tf.__internal__.FuncGraph) for part in gc.get_objects())


def of_tfp():
    """A flow of TFP's own parts: two of them register gradients of their own."""
    network = tfb.AutoregressiveNetwork(params=2, hidden_units=[4], activation="swish")
    chain = tfb.Chain([tfb.Softplus(), tfb.Scale(tf.Variable(0.5)), tfb.MaskedAutoregressiveFlow(network)])
    base = tfd.Sample(tfd.Normal(0.0, 1.0), 4)
    flow = tfp_flows.Flow(tfd.TransformedDistribution(base, chain))
    flow.compile("adam")
    return flow


def use(flow, x, context):
    """Everything that traces."""
    flow.fit(x, context, epochs=1, batch_size=8, verbose=0)
    flow.evaluate(x, context, verbose=0)
    flow.predict(x, context=context, verbose=0)
    flow.log_prob(x, context)
    flow.sample(len(x), seed=1, context=context)
    flow.decode(flow.encode(x, context), context)
    training.nll_per_event(flow, x, context)


@pytest.mark.parametrize("name", ["glow_by_class", "tfp"])
def test_a_model_goes_with_its_last_name(name, tmp_path):
    if name == "tfp":
        flow, (x, context) = of_tfp(), (np.random.default_rng(0).exponential(size=(16, 4)).astype("float32"), None)
    else:
        flow, (x, context) = build(name), events(name, 16)
    before = graphs()
    use(flow, x, context)
    serving.export(flow, tmp_path, warmup=False)
    parts = [weakref.ref(flow), weakref.ref(flow.distribution), weakref.ref(flow.distribution.bijector)]
    assert graphs() > before
    del flow
    assert graphs() <= before
    assert [part() for part in parts] == [None] * 3


def test_what_is_repeated_leaves_nothing_behind():
    """compile and fit again and again, and each function of the package that traces."""
    flow, (x, context) = build("maf_conditional"), events("maf_conditional", 16)
    alive, names = [], []
    for _ in range(2):
        flow.compile("adam")
        use(flow, x, context)
        alive.append(graphs())
        names.append([v.value.name for v in flow.optimizer.variables])
    assert alive[0] == alive[1]
    # TensorFlow keeps something of every name that a variable had.
    assert names[0] == names[1] and len(names[0]) > 10


def test_a_search_over_models_makes_no_new_names():
    """Of every name that a variable ever had TensorFlow keeps some 40 KiB, of a model a few MiB."""
    before, made = [], []
    for kept in (before, made):
        for name in ("glow_by_class", "flow_matching"):
            flow = build(name)
            flow.compile(keras.optimizers.SGD(momentum=0.9))
            kept += [v.value.name for v in (*flow.weights, *flow.optimizer.variables[2:])]
    assert before == made


def test_gradients_of_functions_that_are_alive_are_found():
    """Of a graph that is kept: through gradients that TensorFlow registers by name, in a function within another."""
    flow, (x, _) = build("wavenet"), events("wavenet", 4)
    assert CASES["wavenet"].arguments["transform"] == "mixture"
    gc.collect()
    inner = tf.function(lambda x: flow.log_prob(x))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(inner(tf.constant(x)))
    traced = tape.gradient(loss, [w.value for w in flow.trainable_variables])
    # What was first traced within another function, an export's for one, outlives it.
    del inner
    gc.collect()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(flow.log_prob(tf.constant(x)))
    within = tape.gradient(loss, [w.value for w in flow.trainable_variables])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(flow(tf.constant(x)))
    wanted = tape.gradient(loss, [w.value for w in flow.trainable_variables])
    for gradients in (traced, within):
        for got, one in zip(gradients, wanted, strict=True):
            np.testing.assert_allclose(got, one, rtol=1e-4, atol=1e-6)
