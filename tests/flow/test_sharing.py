"""What signatures have in common is traced once, and only where it is the same."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.distributions import normal
from tfp_flows import bijectors, masks
from tfp_flows.bijectors import solving
from tfp_flows.bridge.traces import traced
from tfp_flows.flow import sharing
from tfp_flows.flow.signatures import signatures
from tfp_flows.networks import MLP, TimeMLP


class Counting(MLP):
    """A conditioner that counts how often it is traced or called."""

    calls = 0

    def call(self, inputs, context=None):
        self.calls += 1
        return super().call(inputs, context=context)


def build():
    network = Counting(2, hidden_units=(4,), output_initializer="glorot_uniform")
    coupling = bijectors.AffineCoupling(masks.half(2), network)
    pushed = tfp.distributions.TransformedDistribution(normal(), bijectors.Chain([coupling]))
    flow = tfp_flows.Flow(pushed, dequantization=tfp_flows.dequantization.Uniform(5))
    network.calls = 0
    return flow, network


def test_a_network_is_traced_three_times_for_all_signatures():
    """Once for all densities, once for all events of latents, once for the latent without a log_det."""
    flow, network = build()
    functions, _ = signatures(flow)
    assert {"log_prob", "score", "score_with_noise", "sample", "encode", "decode"} < set(functions)
    assert network.calls == 3
    x = np.array([[0, 4], [2, 3]])
    for name, given in (("log_prob", tf.constant(x + 0.5, tf.float32)), ("score", tf.constant(x, tf.int32))):
        served = functions[name](x=given)["log_prob"]
        np.testing.assert_allclose(served, flow.log_prob(x), rtol=1e-5)
    noisy = functions["score_with_noise"](x=tf.constant(x, tf.int32), seed=tf.constant([1, 2]))["log_prob"]
    np.testing.assert_allclose(noisy, flow(x, seed=tf.constant([1, 2])), rtol=1e-5)


def test_elsewhere_nothing_is_shared_and_not_with_another_flow():
    flow, network = build()
    other, its_network = build()
    with sharing.shared(other):
        for _ in range(2):
            traced(lambda x: sharing.density(flow, x)).get_concrete_function(tf.TensorSpec([None, 2]))
    assert network.calls == 2 and its_network.calls == 0


@pytest.mark.parametrize("kind", ["the same", "another"])
def test_ways_that_are_solved_otherwise_are_not_shared(kind):
    """A way of few steps, and one by tolerance."""
    field = bijectors.Continuous(TimeMLP(2, (4,), output_initializer="glorot_uniform"), (2,))
    flow = tfp_flows.Flow(tfp.distributions.TransformedDistribution(normal(), field))
    rough = tfp_flows.dynamics.Solver("euler", num_steps=1)

    def push(z, solver):
        with solving(solver, log_det=False):
            return sharing.push(flow, z)

    z = tf.constant([[0.3, -1.0]])
    first = traced(lambda z: push(z, rough))(z)
    with sharing.shared(flow):
        pair = [traced(lambda z, s=s: push(z, s))(z) for s in (rough, rough if kind == "the same" else None)]
    np.testing.assert_allclose(pair[0], first, rtol=1e-6)
    assert np.allclose(*pair, rtol=1e-6) == (kind == "the same")
