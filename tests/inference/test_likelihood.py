"""A flow of observations given parameters, with a prior: its posterior is sampled by TFP's MCMC."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.distributions import normal
from tfp_flows import bijectors, inference

tfd = tfp.distributions
OBSERVED = np.random.default_rng(0).normal(0.7, 1.0, (6, 2)).astype("float32")


class Shifted(bijectors.Bijector):
    """x = z + theta: the exact likelihood N(theta, I), with a weight that does nothing."""

    takes_context, context_shape = True, (2,)

    def __init__(self, name="shifted"):
        super().__init__(1, dtype=tf.float32, name=name)

    def _forward_and_log_det(self, x, context):
        return x + context, tf.zeros(tf.shape(x)[:-1])

    def _inverse_and_log_det(self, y, context):
        return y - context, tf.zeros(tf.shape(y)[:-1])


@pytest.fixture(scope="module")
def flow():
    return tfp_flows.Flow(tfd.TransformedDistribution(normal(), Shifted()))


def chains_of(posterior):
    target = inference.Unconstrained(posterior)
    nuts = tfp.mcmc.NoUTurnSampler(target, step_size=0.3, max_tree_depth=3)
    start = target.vector(posterior.prior.sample(20, seed=[0, 1]))
    chains = inference.sample_chains(nuts, start, 200, 100)
    assert chains.r_hat().max() < 1.05 and chains.acceptance > 0.6
    return target.parameters(chains.states).numpy()


def test_of_a_gaussian_prior_it_is_the_conjugate_one(flow):
    """p(theta) = N(0, s^2), p(x_i given theta) = N(theta, 1): N(sum x / (n + 1 / s^2), 1 / (n + 1 / s^2))."""
    precision = len(OBSERVED) + 1 / np.array([0.5, 2.0]) ** 2
    posterior = inference.LikelihoodPosterior(flow, tfd.MultivariateNormalDiag([0.0, 0.0], [0.5, 2.0]), OBSERVED)
    found = chains_of(posterior)
    np.testing.assert_allclose(found.mean((0, 1)), OBSERVED.sum(0) / precision, atol=0.04)
    np.testing.assert_allclose(found.std((0, 1)), precision**-0.5, rtol=0.06)
    # Its differences are those of the exact log density: no observation is lost or counted twice.
    theta = tf.constant([[0.0, 0.0], [1.0, -1.0]])
    exact = tfd.MultivariateNormalDiag(OBSERVED.sum(0) / precision, precision**-0.5).log_prob(
        tf.cast(theta, tf.float64)
    )
    np.testing.assert_allclose(np.diff(posterior.unnormalized_log_prob(theta)), np.diff(exact), rtol=1e-4)


def test_bounded_parameters_stay_within(flow):
    """Of one observation and a uniform prior: the normal cut to its bounds."""
    low, high = [0.5, -1.0], [1.0, 0.0]
    prior = tfd.Independent(tfd.Uniform(low, high), 1)
    found = chains_of(inference.LikelihoodPosterior(flow, prior, OBSERVED[0]))
    assert (found >= low).all() and (found <= high).all()
    cut = tfd.TruncatedNormal(OBSERVED[0], 1.0, low, high)
    np.testing.assert_allclose(found.mean((0, 1)), cut.mean(), atol=0.02)


PRIOR = tfd.MultivariateNormalDiag([0.0, 0.0])


@pytest.mark.parametrize(("change", "message"), [
    (dict(flow=lambda: tfp_flows.Flow(normal())), "Expected a flow of observations whose context are the parameters;"),
    (dict(prior=lambda: tfd.Normal(0.0, 1.0)), r"Expected a prior of vectors \(d,\)"),
    (dict(prior=lambda: tfd.MultivariateNormalDiag([0.0] * 3)), r"Expected a prior of the flow's context, \(2,\);"),
    (dict(observations=lambda: OBSERVED[:, :1]), r"Expected x .*; got .*\(6, 1\)"),
    (dict(observations=lambda: OBSERVED * np.nan), "Expected finite .*; got"),
])  # fmt: skip
def test_what_makes_no_posterior_is_refused(flow, change, message):
    arguments = dict(flow=flow, prior=PRIOR, observations=OBSERVED)
    with pytest.raises(ValueError, match=message):
        inference.LikelihoodPosterior(**{**arguments, **{name: make() for name, make in change.items()}})
