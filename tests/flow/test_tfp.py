"""Citizens of TFP: our bijectors in its samplers, joint distributions, optimizers and multipart bijectors."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.cases import build
from tests.distributions import coupling, normal, ours
from tfp_flows import bijectors

tfb, tfd = tfp.bijectors, tfp.distributions


def test_mcmc_preconditioner():
    """HMC through our flow still samples its target: moments of a correlated Gaussian."""
    target = tfd.MultivariateNormalTriL([1.0, -1.0], [[1.0, 0.0], [0.8, 0.6]])
    chain = bijectors.Chain([bijectors.ActNorm(2), coupling(), coupling(flip=True)])
    for variable in chain.trainable_variables:
        variable.assign_add(0.2 * tf.random.stateless_normal(variable.shape, [0, 1]))
    kernel = tfp.mcmc.TransformedTransitionKernel(
        tfp.mcmc.HamiltonianMonteCarlo(target.log_prob, step_size=0.4, num_leapfrog_steps=4), bijector=chain
    )

    @tf.function
    def run():
        return tfp.mcmc.sample_chain(
            300, tf.zeros([32, 2]), kernel=kernel, num_burnin_steps=100, seed=[1, 2],
            trace_fn=lambda _, r: r.inner_results.is_accepted,
        )  # fmt: skip

    states, accepted = run()
    samples = states.numpy().reshape(-1, 2)
    assert 0.6 < np.mean(accepted) <= 1.0
    np.testing.assert_allclose(samples.mean(0), [1.0, -1.0], atol=0.1)
    np.testing.assert_allclose(np.cov(samples.T), [[1.0, 0.8], [0.8, 1.0]], atol=0.15)


def test_prior_in_a_joint_distribution():
    prior = ours()
    joint = tfd.JointDistributionSequential([prior, lambda z: tfd.Independent(tfd.Normal(z, 0.5), 1)])
    z, x = joint.sample(7, seed=[0, 1])
    expected = prior.log_prob(tf.identity(z)) + tfd.Independent(tfd.Normal(z, 0.5), 1).log_prob(x)
    np.testing.assert_allclose(joint.log_prob(tf.identity(z), x), expected, rtol=1e-5)
    assert len(joint.trainable_variables) >= 0 and len(prior.trainable_variables) == 12


def test_minimize_trains_our_weights():
    flow = ours()
    x = tf.constant(np.random.default_rng(0).normal(2.0, 0.5, [256, 2]), tf.float32)
    losses = tfp.math.minimize(
        lambda: -tf.reduce_mean(flow.log_prob(tf.identity(x))), 60, keras.optimizers.Adam(0.05),
        trainable_variables=flow.trainable_variables,
    )  # fmt: skip
    assert losses[-1] < losses[0] - 1.0


def fitted(flow, x, steps):
    losses = tfp.math.minimize(
        lambda: -tf.reduce_mean(flow.distribution.log_prob(tf.identity(x))), steps, keras.optimizers.Adam(0.02),
        trainable_variables=flow.distribution.trainable_variables,
    )  # fmt: skip
    return losses.numpy()


def test_training_that_nothing_initialises_says_so_once_and_how_to():
    x = tf.constant(np.random.default_rng(0).normal([300.0, -20.0], [5.0, 0.1], [256, 2]), tf.float32)
    entropy = 2 * 0.5 * np.log(2 * np.pi * np.e) + np.log(5.0 * 0.1)
    norm = lambda: tfp_flows.Flow(tfd.TransformedDistribution(normal(), bijectors.ActNorm(2)))
    waiting, ready = norm(), norm()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert fitted(waiting, x, 3)[0] > 1e4
        fitted(waiting, x, 2)
    said = [str(warning.message) for warning in said if "initialised" in str(warning.message)]
    assert len(said) == 1 and "call flow.initialize(x) with some events first" in said[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ready.initialize(x)
        losses = fitted(ready, x, 3)
        # One that is only looked at, or was made after, is not trained.
        norm().log_prob(x)
    assert abs(losses[0] - entropy) < 0.1
    with pytest.warns(UserWarning, match="Trained with layers that were to be initialised"):
        fitted(norm(), x, 1)


def test_a_surrogate_posterior_is_fitted_and_preconditions_hmc():
    """NeuTra: what HMC crosses slowly alone it crosses at once through the flow, to the same moments."""
    target = tfd.MultivariateNormalTriL([3.0, -1.0], [[3.0, 0.0], [1.0, 0.3]])
    # From the base's samples: the flow is trained on its own.
    flow = tfp_flows.Flow(ours())
    flow.initialize(200)
    losses = tfp.vi.fit_surrogate_posterior(
        target.log_prob, flow.distribution, optimizer=keras.optimizers.Adam(0.03), num_steps=400, sample_size=64,
        seed=[0, 1], trainable_variables=flow.distribution.trainable_variables,
    )  # fmt: skip
    # The divergence itself, for the target is a density: 0 at best.
    assert losses[0] > 10 and -0.05 < np.mean(losses[-20:]) < 0.15
    drawn = flow.sample(4000, seed=1).numpy()
    np.testing.assert_allclose(drawn.mean(0), [3.0, -1.0], atol=0.5)
    np.testing.assert_allclose(np.cov(drawn.T), target.covariance(), rtol=0.2, atol=0.2)

    @tf.function
    def states(bijector, step_size):
        hmc = tfp.mcmc.HamiltonianMonteCarlo(target.log_prob, step_size=step_size, num_leapfrog_steps=3)
        kernel = tfp.mcmc.TransformedTransitionKernel(hmc, bijector=bijector)
        start = tf.tile([[3.0, -1.0]], [16, 1])
        return tfp.mcmc.sample_chain(200, start, kernel=kernel, seed=[1, 2], num_burnin_steps=20, trace_fn=None)

    alone, through = states(tfb.Identity(), 0.2), states(flow.distribution.bijector, 0.6)
    effective = [float(tf.reduce_min(tfp.mcmc.effective_sample_size(s, cross_chain_dims=1))) for s in (alone, through)]
    assert effective[1] > 10 * effective[0], effective
    found = through.numpy().reshape(-1, 2)
    np.testing.assert_allclose(found.mean(0), [3.0, -1.0], atol=0.5)
    np.testing.assert_allclose(np.cov(found.T), target.covariance(), rtol=0.2, atol=0.2)


@pytest.mark.parametrize("multipart", [tfb.Blockwise, tfb.JointMap])
def test_inside_multipart_bijectors(multipart):
    parts = [build("affine_half"), build("actnorm")]
    x = [tf.random.stateless_normal([4, n], [0, n], dtype=tf.float64) for n in (5, 3)]
    if multipart is tfb.Blockwise:
        whole = tfb.Blockwise(parts, block_sizes=[5, 3])
        y = whole.forward(tf.concat(x, -1))
        log_det = whole.forward_log_det_jacobian(tf.concat(x, -1), event_ndims=1)
        y = tf.split(y, [5, 3], -1)
    else:
        whole = tfb.JointMap(parts)
        y = whole.forward(x)
        log_det = whole.forward_log_det_jacobian(x, event_ndims=[1, 1])
    expected = sum(part.forward_log_det_jacobian(tf.identity(v), event_ndims=1) for part, v in zip(parts, x))
    for part, v, w in zip(parts, x, y):
        np.testing.assert_allclose(part.forward(tf.identity(v)), w, rtol=1e-12)
    np.testing.assert_allclose(tf.broadcast_to(log_det, [4]), expected, rtol=1e-12)
    assert len(whole.trainable_variables) == sum(len(part.trainable_variables) for part in parts)


def test_batch_shape_of_batched_parts_in_our_chain():
    chain = bijectors.Chain([tfb.Scale(tf.ones([3, 1])), bijectors.Rescale((2,))])
    flow = tfd.TransformedDistribution(normal(), chain)
    assert flow.batch_shape == (3,) and flow.log_prob(tf.zeros([2])).shape == (3,)
    assert chain.experimental_batch_shape_tensor(x_event_ndims=1).numpy().tolist() == [3]
