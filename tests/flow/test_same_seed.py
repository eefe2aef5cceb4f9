"""The same seed gives the same weights, to the bit, whatever the process has built before.

What differed was the order of sums: TensorFlow's graph optimizer sorts their terms by name, and Keras' names count
the layers of the process.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.models.cases import build, events
from tfp_flows import bijectors, masks, networks
from tfp_flows.dequantization import Variational

tfd = tfp.distributions


def noise_flow(first):
    """Variational noise of four couplings on shared features, whose gradients add up; networks named from a number."""
    halves = masks.alternating(masks.half(4), 4)
    nets = [networks.MLP(4, (8,), context_shape=(8,), name=f"net_{first + k}") for k in range(4)]
    chain = [bijectors.Sigmoid(), *(bijectors.AffineCoupling(half, net) for half, net in zip(halves, nets))]
    q = tfd.TransformedDistribution(tfd.Independent(tfd.Logistic(tf.zeros(4), 1.0), 1), bijectors.Chain(chain))
    features = networks.MLP(8, (8,), output_initializer="glorot_uniform", name="features")
    p = tfd.TransformedDistribution(tfd.Independent(tfd.Normal(tf.zeros(4), 9.0), 1), bijectors.ActNorm(4))
    return tfp_flows.Flow(p, dequantization=Variational(17, q, features), seed=0)


def test_the_names_of_networks_change_no_bit():
    x = np.random.default_rng(0).integers(0, 17, [64, 4])
    fitted = []
    for first in (1, 8):
        keras.utils.set_random_seed(0)
        flow = noise_flow(first)
        flow.compile("adam")
        flow.fit(x, batch_size=16, epochs=3, verbose=0)
        fitted.append(flow.get_weights())
    for one, other in zip(*fitted, strict=True):
        np.testing.assert_array_equal(one, other)


def names(name):
    """Those of all operations of a case's training step, and of the functions within it."""
    flow, (x, context) = build(name), events(name, 8)
    flow.initialize(x, context)
    data = tuple(tf.constant(part) for part in (x, context) if part is not None)
    graph = tf.function(flow.train_step, autograph=False).get_concrete_function(data).graph.as_graph_def()
    functions = [[node.name for node in function.node_def] for function in graph.library.function]
    return [node.name for node in graph.node], sorted(functions)


@pytest.mark.parametrize("name", ["nice", "glow", "maf_conditional", "iaf"])
def test_two_equal_models_have_equal_graphs(name):
    """From which TensorFlow's optimizer makes equal ones; with constants and, for the IAF, the body of a loop."""
    assert names(name) == names(name)
