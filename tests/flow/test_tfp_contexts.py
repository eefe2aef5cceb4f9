"""Conditional flows of TFP's own parts, and flows upon flows: a context reaches whatever takes one."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.checks import passes
from tests.distributions import coupling, normal
from tfp_flows import bijectors, serving

tfb, tfd = tfp.bijectors, tfp.distributions
RANDOM = np.random.default_rng(3)
X, C = (RANDOM.normal(size=(6, n)).astype("float32") for n in (2, 3))


def made(**options):
    """As TFP's documentation has it."""
    return tfb.AutoregressiveNetwork(
        params=2, event_shape=[2], hidden_units=[8], activation="tanh", conditional=True,
        conditional_event_shape=(3,), **options,
    )  # fmt: skip


def alone():
    return tfb.MaskedAutoregressiveFlow(shift_and_log_scale_fn=made())


def in_tfps_chain():
    maf = tfb.MaskedAutoregressiveFlow(made(conditional_input_layers="first_layer"), name="maf")
    return tfb.Chain([coupling(context_shape=(3,)), tfb.Invert(maf), tfb.Scale(tf.Variable([1.0, 2.0]))])


def in_ours():
    plain = tfb.MaskedAutoregressiveFlow(tfb.AutoregressiveNetwork(2, [2], hidden_units=[4]), name="plain")
    return bijectors.Chain([plain, bijectors.ActNorm(2), alone(), coupling(context_shape=(3,))])


CONDITIONAL = dict(alone=alone, in_tfps_chain=in_tfps_chain, in_ours=in_ours)


@functools.cache
def flow(kind):
    found = tfp_flows.Flow(tfd.TransformedDistribution(tfd.Sample(tfd.Normal(0.0, 1.0), [2]), CONDITIONAL[kind]()))
    for k, weight in enumerate(found.trainable_weights):
        moved = weight + 0.3 * tf.random.stateless_normal(weight.shape, [k, 1])
        # TFP's networks are masked by constraints.
        weight.assign(moved if weight.constraint is None else weight.constraint(moved))
    return found


def by_hand(kind, x, c):
    """What TFP says, given the context by the names that its documentation uses."""
    distribution = flow(kind).distribution
    names = dict(
        alone={"conditional_input": c},
        in_tfps_chain={"affine_coupling": {"context": c}, "invert_maf": {"conditional_input": c}},
        in_ours={"masked_autoregressive_flow": {"conditional_input": c}, "context": c},
    )
    return distribution.log_prob(tf.identity(x), bijector_kwargs=names[kind])


@pytest.mark.parametrize("kind", CONDITIONAL)
def test_a_context_reaches_tfps_networks(kind):
    model = flow(kind)
    assert model.takes_context and len(model.trainable_weights) == len(model.distribution.trainable_variables) > 3
    expected = by_hand(kind, X, C)
    np.testing.assert_allclose(model.log_prob(X, C), expected, rtol=1e-5)
    assert np.abs(model.log_prob(X, C[::-1]) - expected).max() > 0.05
    np.testing.assert_allclose(model.log_prob(X, C[0]), by_hand(kind, X, np.repeat(C[:1], 6, 0)), rtol=1e-5)
    np.testing.assert_allclose(model.decode(model.encode(X, C), C), X, atol=1e-4)
    drawn, log_prob = model.sample_and_log_prob((2,), C, seed=1)
    np.testing.assert_allclose(model.log_prob(drawn, C), log_prob, rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match=r"Expected a context of shape \(n, 3\).*got float64 \(6, 2\)"):
        model.log_prob(X, np.zeros((6, 2)))
    with pytest.raises(ValueError, match="Expected a context, for the flow is conditional; got none"):
        model.sample(2)


def test_it_is_trained_and_served(tmp_path):
    """The data's mean is the context's."""
    model = tfp_flows.Flow(tfd.TransformedDistribution(normal(), alone()))
    c = RANDOM.normal(size=(512, 3)).astype("float32")
    x = (c[:, :2] + 0.5 * RANDOM.normal(size=(512, 2))).astype("float32")
    model.compile(keras.optimizers.Adam(2e-2))
    model.fit(*passes(20, x, c), batch_size=64, verbose=0)
    # Without the context it is 3.06 at best, with it 1.45.
    assert model.evaluate(x, c, verbose=0, return_dict=True)["nll"] < 2.7
    served = serving.load(serving.export(model, tmp_path, warmup=False))
    np.testing.assert_allclose(served.log_prob(x[:5], context=c[:5]), model.log_prob(x[:5], c[:5]), rtol=1e-4)


@pytest.mark.parametrize("place", [lambda b: b, lambda b: tfb.Chain([tfb.Exp(), b]), lambda b: tfb.Invert(b)])
def test_tfps_batch_normalization_is_refused(place):
    with pytest.raises(ValueError, match="Expected tfp_flows.bijectors.BatchNorm, .* got tfb.BatchNormal"):
        tfp_flows.Flow(tfd.TransformedDistribution(normal(), place(tfb.BatchNormalization())))


class TestFlowsUponFlows:
    """A transformed distribution whose base is one."""

    def build(self, **options):
        inner = tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0]),
            bijectors.Chain([coupling(**options), coupling(flip=True)]),
        )
        model = tfp_flows.Flow(tfd.TransformedDistribution(inner, tfb.Chain([tfb.Shift(tf.Variable([1.0, 2.0]))])))
        for k, weight in enumerate(model.trainable_weights):
            weight.assign_add(0.3 * tf.random.stateless_normal(weight.shape, [k, 1]))
        return model

    def test_they_are_scored_and_drawn_at_a_temperature(self):
        model = self.build()
        shift, chain = model.distribution.bijector, model.base.bijector
        z = tf.random.stateless_normal([5, 2], [0, 3])
        np.testing.assert_allclose(
            model.sample(5, seed=3, temperature=0.5),
            shift.forward(chain.forward(0.5 * model.base.distribution.sample(5, seed=[0, 3]))), rtol=1e-5,
        )  # fmt: skip
        x = shift.forward(chain.forward(z))
        expected = model.base.distribution.log_prob(z) - chain.forward_log_det_jacobian(tf.identity(z), event_ndims=1)
        np.testing.assert_allclose(model.log_prob(x.numpy()), expected, rtol=1e-4, atol=1e-5)
        assert (
            model.can_scale_temperature
            and not tfp_flows.Flow(
                tfd.TransformedDistribution(tfd.Independent(tfd.LogNormal([0.0, 0.0], 1.0), 1), bijectors.ActNorm(2))
            ).can_scale_temperature
        )

    def test_a_context_goes_to_either(self):
        model = self.build(context_shape=(3,))
        assert model.takes_context
        shift, chain = model.distribution.bijector, model.base.bijector
        z = model.base.distribution.sample(6, seed=[0, 3])
        x = shift.forward(chain.forward(0.5 * z, context=C))
        np.testing.assert_allclose(model.sample(6, seed=3, temperature=0.5, context=C), x, rtol=1e-4)
        expected = model.base.distribution.log_prob(0.5 * z)
        expected -= chain.forward_log_det_jacobian(0.5 * z, event_ndims=1, context=C)
        np.testing.assert_allclose(model.log_prob(x.numpy(), C), expected, rtol=1e-4, atol=1e-5)
