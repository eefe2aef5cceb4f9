"""Inference with flows: evidence, moments and weights of modes against what is known in closed form."""

import functools
import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.distributions import coupling, normal
from tfp_flows import bijectors, inference
from tfp_flows.inference.kernels import field
from tfp_flows.objectives import ReverseKL

tfb, tfd = tfp.bijectors, tfp.distributions
COUNTS, EVENTS = [5.0, 1.0, 3.0], [3.0, 4.0, 1.0, 2.0]
HMC = functools.partial(tfp.mcmc.HamiltonianMonteCarlo, step_size=0.3, num_leapfrog_steps=3)
NUTS = functools.partial(tfp.mcmc.NoUTurnSampler, step_size=0.3, max_tree_depth=3)


@tfd.JointDistributionCoroutineAutoBatched
def program():
    rate = yield tfd.Gamma(2.0, 1.0, name="rate")
    shares = yield tfd.Dirichlet([1.0, 2.0, 0.5], name="shares")
    yield tfd.Sample(tfd.Poisson(rate), 4, name="events")
    yield tfd.Multinomial(9.0, probs=shares, name="counts")


def named():
    return tfd.JointDistributionNamed(
        dict(
            rate=tfd.Gamma(2.0, 1.0),
            shares=tfd.Dirichlet([1.0, 2.0, 0.5]),
            events=lambda rate: tfd.Sample(tfd.Poisson(rate), 4),
            counts=lambda shares: tfd.Multinomial(9.0, probs=shares),
        )
    )


TARGETS = dict(
    program=lambda: program.experimental_pin(events=EVENTS, counts=COUNTS),
    named=lambda: named().experimental_pin(events=EVENTS, counts=COUNTS),
)


def conjugate_evidence():
    """log p(events, counts): of Gamma and Poisson, and of Dirichlet and Multinomial."""
    lgamma = lambda x: tf.math.lgamma(tf.constant(x, tf.float64)).numpy()
    n, total = len(EVENTS), sum(EVENTS)
    poisson = lgamma(2.0 + total) - lgamma(2.0) - (2.0 + total) * np.log(1.0 + n)
    poisson -= lgamma([1 + e for e in EVENTS]).sum()
    counts = tfd.DirichletMultinomial(9.0, tf.constant([1.0, 2.0, 0.5], tf.float64)).log_prob(COUNTS).numpy()
    return poisson + counts


@pytest.mark.parametrize("kind", TARGETS)
def test_the_evidence_of_constrained_parameters(kind):
    """A missing log-det, or a simplex taken for reals, would show."""
    target = inference.Unconstrained(TARGETS[kind]())
    assert target.event_shape == (3,)
    near = tf.nest.pack_sequence_as(target.target.event_shape, [tf.constant(2.4), tf.constant([0.5, 0.2, 0.3])])
    wide = tfd.Independent(tfd.StudentT(5.0, target.vector(near), 0.7), 1)
    found = inference.importance_sample(target, wide, 20_000)
    assert found.standard_error < 0.03 and found.pareto_k < 0.7
    assert abs(found.log_evidence - conjugate_evidence()) < 4 * found.standard_error
    of = lambda k: lambda v: tf.nest.flatten(target.parameters(v))[k]
    np.testing.assert_allclose(found.mean(of(0)), (2.0 + sum(EVENTS)) / (1.0 + len(EVENTS)), rtol=0.02)
    np.testing.assert_allclose(found.mean(of(1)), np.add(COUNTS, [1.0, 2.0, 0.5]) / 12.5, atol=0.01)
    assert len(found.resample(7)) == 7 and found.effective_sample_size < 20_000


def test_vectors_and_parameters_are_one_another():
    target = inference.Unconstrained(TARGETS["program"]())
    v = tf.random.stateless_normal([2, 5, 3], [0, 1])
    theta = target.parameters(v)
    assert theta.shares.shape == (2, 5, 3) and target(v).shape == (2, 5)
    np.testing.assert_allclose(target.vector(theta), v, atol=1e-4)
    np.testing.assert_allclose(tf.reduce_sum(theta.shares, -1), 1.0, rtol=1e-5)


MODES = tfd.MixtureSameFamily(
    tfd.Categorical(probs=[0.3, 0.7]), tfd.MultivariateNormalDiag([[-6.0, 0.0], [6.0, 3.0]], [[1.0, 0.5], [1.0, 2.0]])
)


@functools.cache
def flow():
    """Couplings of some weights about the modes: no good fit, which exactness does not need."""
    layers = [tfb.Shift([2.0, 1.0]), tfb.Scale([7.0, 3.0]), coupling(), coupling(flip=True)]
    found = tfp_flows.Flow(tfd.TransformedDistribution(normal(), bijectors.Chain(layers)))
    for k, weight in enumerate(found.trainable_weights):
        weight.assign_add(0.2 * tf.random.stateless_normal(weight.shape, [k, 5]))
    return found


@pytest.mark.parametrize("through", [False, True], ids=["alone", "through"])
def test_jumps_find_the_weights_of_modes(through):
    """From one mode, which the local kernel does not leave."""
    kernel = inference.Jumps(HMC(MODES.log_prob), flow())
    kernel = inference.neutra(kernel, flow()) if through else kernel
    start = tf.constant([[-6.0, 0.0]]) + 0.1 * tf.random.stateless_normal([64, 2], [0, 1])
    chains = inference.sample_chains(kernel, start, 200, 100)
    right = chains.states[..., 0] > 0
    assert 0.02 < chains.jump_acceptance < 0.6 and chains.num_divergent < 50
    assert abs(right.mean() - 0.7) < 0.04
    x = chains.states[right]
    np.testing.assert_allclose(x.mean(0), [6.0, 3.0], atol=0.25)
    np.testing.assert_allclose(x.std(0), [1.0, 2.0], rtol=0.08)
    assert chains.num_gradients == 200 * 64 * (3 + 1)


@pytest.mark.parametrize("local", [HMC, NUTS], ids=["hmc", "nuts"])
def test_after_a_jump_the_local_kernel_knows_where_it_is(local):
    kernel = inference.Jumps(tfp.mcmc.DualAveragingStepSizeAdaptation(local(MODES.log_prob), 5), flow())
    x = MODES.sample(40, seed=[0, 1])
    results = kernel.bootstrap_results(x)
    for k in range(2):
        x, results = kernel.one_step(x, results, seed=[k, 1])
    assert 0 < np.mean(results.is_jump_accepted) < 1
    value, gradient = tfp.math.value_and_gradient(MODES.log_prob, x)
    np.testing.assert_allclose(field(results, "target_log_prob"), value, rtol=1e-4)
    (found,) = tf.nest.flatten(field(results, "grads_target_log_prob"))
    np.testing.assert_allclose(found, gradient, rtol=1e-3, atol=1e-4)
    # What adapts goes on.
    assert int(results.inner_results.step) == 2


def test_of_a_kernel_without_a_step_size_to_adapt_chains_run_as_they_are():
    langevin = tfp.mcmc.MetropolisAdjustedLangevinAlgorithm(tfd.MultivariateNormalDiag([0.0], [2.0]).log_prob, 1.0)
    chains = inference.sample_chains(langevin, tf.zeros([8, 1]), 500, 50)
    assert chains.num_gradients == 4000 and abs(chains.states.std() - 2.0) < 0.3 and np.isnan(chains.jump_acceptance)


def test_through_a_fitted_flow_chains_agree_with_a_conjugate_posterior():
    """Of named, constrained parameters, from the model to the moments, as the guide has it."""
    target = inference.Unconstrained(TARGETS["program"]())
    posterior = tfp_flows.IAF(target.event_shape, num_layers=2, hidden_units=(16,))
    posterior.compile("adam", loss=ReverseKL(target))
    posterior.fit(steps_per_epoch=200, batch_size=64, verbose=0)
    evidence = inference.importance_sample(target, posterior, 5000)
    assert abs(evidence.log_evidence - conjugate_evidence()) < 4 * evidence.standard_error < 0.2
    chains = inference.sample_chains(inference.neutra(HMC(target), posterior), posterior.sample(32, seed=0), 200, 50)
    assert chains.r_hat().max() < 1.05 and chains.effective_sample_size().min() > 500
    theta = target.parameters(chains.states)
    np.testing.assert_allclose(np.mean(theta.rate), (2.0 + sum(EVENTS)) / (1.0 + len(EVENTS)), rtol=0.03)
    np.testing.assert_allclose(np.mean(theta.shares, (0, 1)), np.add(COUNTS, [1.0, 2.0, 0.5]) / 12.5, atol=0.02)


@pytest.mark.parametrize("k", [0.2, 0.5, 0.9])
def test_the_shape_of_a_tail_is_found(k):
    weights = np.random.default_rng(1).pareto(1 / k, size=(200_000, 2)) + 1.0
    np.testing.assert_allclose(inference.pareto_k(np.log(weights)), k, atol=0.08)


def test_a_proposal_that_is_too_narrow_is_told():
    found = inference.importance_sample(tfd.Normal(0.0, 1.0), tfd.Normal(0.0, 0.4))
    assert found.pareto_k > 0.7
    good = inference.importance_sample(tfd.Normal(0.0, 1.0), tfd.Normal(0.0, 1.2), 5000, batch_size=999)
    assert good.pareto_k < 0.4 and len(good.samples) == 5000 and abs(good.log_evidence) < 4 * good.standard_error
    same = inference.importance_sample(tfd.Normal(0.0, 1.0), tfd.Normal(0.0, 1.0), 100)
    assert same.pareto_k == -np.inf and same.standard_error == 0


def test_of_many_targets_at_once():
    """Of a flow given contexts, as of any distribution with a batch."""
    proposal = tfd.Independent(tfd.Normal(tf.zeros([2, 3]), 1.5), 1)
    target = lambda x: tf.constant([1.0, 2.0]) + tf.reduce_sum(tfd.Normal(0.0, 1.0).log_prob(x), -1)
    found = inference.importance_sample(target, proposal, 20_000)
    np.testing.assert_allclose(found.log_evidence, [1.0, 2.0], atol=0.05)
    assert found.mean().shape == (2, 3) and found.pareto_k.shape == found.standard_error.shape == (2,)


def waiting():
    return tfp_flows.Flow(tfd.TransformedDistribution(normal(), bijectors.ActNorm(2)))


def conditional():
    return tfp_flows.MAF((2,), num_layers=1, hidden_units=8, context_shape=(3,))


def plain(**options):
    """What is no distribution, of densities of a wrong shape."""
    shape = tf.TensorShape([2])
    return types.SimpleNamespace(unnormalized_log_prob=lambda x: x, event_shape=shape, dtype=tf.float32, **options)


def integers():
    return tfp_flows.Flow(tfd.TransformedDistribution(normal(), tfb.Scale(3.0)), tfp_flows.Uniform(4))


@pytest.mark.parametrize("call, message", [
    (lambda: inference.neutra(HMC(MODES.log_prob), "flow"), "Expected a flow to be a tfp_flows.Flow or a tfd.Distr"),
    (lambda: inference.neutra(HMC(MODES.log_prob), conditional()), r"given its context, flow.given\(context\); got a"),
    (lambda: inference.neutra(HMC(MODES.log_prob), waiting()), "a flow that was fitted; got one whose layers wait"),
    (lambda: inference.neutra(HMC(MODES.log_prob), integers()), "a flow of continuous events; got one with"),
    (lambda: inference.neutra(HMC(MODES.log_prob), MODES), "a base pushed through a bijector; got MixtureSameFamily"),
    (lambda: inference.neutra(MODES, flow()), "Expected a tfp.mcmc.TransitionKernel; got"),
    (lambda: inference.neutra(inference.neutra(HMC(MODES.log_prob), flow()), flow()), "lives in another already"),
    (lambda: inference.neutra(inference.Jumps(HMC(MODES.log_prob), MODES), flow()), "propose from the same flow; got"),
    (lambda: inference.Jumps(inference.neutra(HMC(MODES.log_prob), flow()), flow()), "a kernel among .*got Tr"),
    (lambda: inference.Jumps(tfp.mcmc.SliceSampler(MODES.log_prob, 1.0, 3), flow()), "Expected a kernel among .*Slice"),
    (lambda: inference.Jumps(HMC(MODES.log_prob), conditional()), "Expected a proposal given its context"),
    (lambda: inference.Jumps(HMC(MODES.log_prob), flow()).bootstrap_results([tf.zeros([2, 2])]), "that are one tensor"),
    (lambda: inference.Jumps(HMC(MODES.log_prob), tfd.Sample(tfd.Normal(0.0, 1.0), 1)).bootstrap_results(
        np.zeros([5, 2])),
     r"event shape \(1,\); got \(5, 2\)"),
    (lambda: inference.importance_sample(3, flow()), "target_log_prob to be a function or a tfd.Distribution; got 3"),
    (lambda: inference.importance_sample(MODES, waiting()), "Expected a proposal that was fitted"),
    (lambda: inference.importance_sample(MODES, flow(), 0), "num_samples to be a positive integer; got 0"),
    (lambda: inference.importance_sample(lambda x: x, flow()), r"to return shape \(10000,\); got \(10000, 2\)"),
    (lambda: inference.importance_sample(lambda x: x[:, 0] * np.nan, flow()), "Expected a target with finite values"),
    (lambda: inference.Weighted(np.zeros([9, 2]), np.zeros([9, 2])).resample(3), "weights of one target to draw by"),
    (lambda: inference.pareto_k(np.zeros(24)), "at least 25 weights; got 24"),
    (lambda: inference.sample_chains(HMC(MODES.log_prob), tf.zeros([2])), r"\(num_chains, \*event_shape\); got \(2,\)"),
    (lambda: inference.sample_chains(HMC(MODES.log_prob), tf.zeros([3, 2]), 2), "of at least 4; got 2"),
    (lambda: inference.sample_chains(HMC(MODES.log_prob), tf.zeros([3, 2]), target_acceptance=1), "between 0 and 1"),
    (lambda: inference.sample_chains(HMC(lambda x: x[..., 0] / 0.0), tf.zeros([3, 2])), "finite density; got 3 of 3"),
    (lambda: inference.Unconstrained(lambda x: x), "Expected a joint distribution with its data pinned"),
    (lambda: inference.Unconstrained(tfd.JointDistributionNamed(dict(k=tfd.Poisson(1.0), b=tfd.Bernoulli(0.5)))),
     "parameters of one floating dtype.*got b int32, k float32"),
    (lambda: inference.Unconstrained(TARGETS["program"]())(tf.zeros([5, 2])), r"vectors of shape \(\*batch, 3\); got"),
    (lambda: inference.Unconstrained(tfd.Normal(tf.zeros(3), 1.0)), r"without a batch shape.*got \(3,\)"),
    (lambda: inference.Unconstrained(tfd.Bernoulli(0.5)), "parameters of one floating dtype"),
    (lambda: inference.Unconstrained(plain(default_event_space_bijector=tfb.Exp()))(tf.zeros([5, 2])),
     r"Expected a density of shape \(5,\), one value for each vector; got \(5, 2\)"),
    (lambda: inference.Unconstrained(plain()), "knows the space of its events; got"),
])  # fmt: skip
def test_what_cannot_be_inferred_is_refused(call, message):
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
        call()
