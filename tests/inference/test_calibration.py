"""Simulations as training data, and checks that a right posterior passes and a wrong one does not."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.checks import passes
from tfp_flows import inference
from tfp_flows.inference.uniformity import Band

tfd = tfp.distributions
PRIOR = tfd.Independent(tfd.Uniform([0.0, -2.0], [1.0, 2.0]), 1)
RANDOM = np.random.default_rng(0)


def noisy(p, seed):
    return p + 0.1 * np.random.default_rng(seed).normal(size=p.shape)


class Gaussian:
    """Of p ~ N(0, I), x ~ N(p, I): p given x ~ N(x / 2, I / 2), or another width or place."""

    def __init__(self, width=1.0, shift=0.0):
        scale = np.full(2, width * 0.5**0.5, "float32")
        self.given = lambda x: tfd.MultivariateNormalDiag(x / 2 + shift, scale)

    def sample(self, shape, seed, context):
        return self.given(context).sample(shape, seed=seed)

    def log_prob(self, p, context):
        return self.given(context).log_prob(p)


P = RANDOM.normal(size=(600, 2)).astype("float32")
X = (P + RANDOM.normal(size=P.shape)).astype("float32")


def test_a_right_posterior_passes_and_wrong_ones_do_not(tmp_path):
    right = inference.simulation_based_calibration(Gaussian(), P, X, names=["a", "b"])
    assert right.is_calibrated and list(right.ranks) == ["a", "b", "log density"]
    assert {ranks.shape for ranks in right.ranks.values()} == {(600,)}
    narrow = inference.simulation_based_calibration(Gaussian(0.7), P, X)
    assert not narrow.is_calibrated and "log density" in narrow.outside
    wide = inference.simulation_based_calibration(Gaussian(1.5), P, X)
    shifted = inference.simulation_based_calibration(Gaussian(shift=0.2), P, X)
    assert not wide.is_calibrated and {"parameter 0", "parameter 1"} <= set(shifted.outside)
    # The truth lies above the samples too often: the ECDF is low throughout.
    ecdf = narrow.band.ecdf(shifted.ranks["parameter 0"])
    assert (ecdf >= narrow.band.points).mean() > 0.9
    assert (tmp_path / "a.png").as_posix() == narrow.picture(tmp_path / "a.png", "narrow")
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_coverage_is_that_of_regions_of_highest_density(tmp_path):
    right = inference.expected_coverage(Gaussian(), P, X)
    assert right.is_calibrated and abs(right.error) < 0.03
    narrow = inference.expected_coverage(Gaussian(0.7), P, X)
    assert not narrow.is_calibrated and narrow.error < -0.1
    # A disc of the radius that holds c of N(0, w^2 I) holds 1 - (1 - c)^(w^2) of N(0, I).
    np.testing.assert_allclose(narrow.coverage, 1 - (1 - narrow.credibility) ** 0.49, atol=0.08)
    assert narrow.picture(tmp_path / "c.png").endswith("c.png")


def test_contraction_is_what_the_observation_says():
    contraction = inference.posterior_contraction(Gaussian(), P, X, num_samples=400)
    np.testing.assert_allclose(contraction.mean(0), 1 - 0.5 / P.var(0), atol=0.02)


def test_the_band_holds_what_it_says_at_once():
    band = Band(n=200, num_samples=50, level=0.9)
    random = np.random.default_rng(7)
    held = np.mean([band.holds(random.integers(0, 51, 200)) for _ in range(1000)])
    assert 0.87 < held < 0.95


def test_c2st_is_half_for_the_same_and_grows_with_the_difference():
    x, y = RANDOM.normal(size=(2, 300, 1))
    scores = [inference.c2st(x, y + shift) for shift in (0.0, 1.0, 10.0)]
    # Of two normals a distance 1 apart: Phi(1 / 2).
    np.testing.assert_allclose(scores, [0.5, 0.69, 1.0], atol=0.08)
    # In the units of the reference, whatever they are.
    assert abs(inference.c2st(1e6 * x, 1e6 * (y + 1.0)) - scores[1]) < 0.03


def test_simulations_are_a_function_of_the_seed_and_each_of_its_own():
    p, x = inference.simulate(PRIOR, noisy, 500, batch_size=150, seed=3, verbose=0)
    again = inference.simulate(PRIOR, noisy, 500, batch_size=150, seed=3, verbose=0)
    np.testing.assert_array_equal(x, again[1])
    assert len(np.unique(p[:, 0])) == 500 and len(np.unique(x - p)) > 990
    assert not np.array_equal(p, inference.simulate(PRIOR, noisy, 500, seed=4, verbose=0)[0])
    np.testing.assert_allclose((x - p).std(), 0.1, rtol=0.1)


def test_what_fails_is_left_out_and_said_or_drawn_again():
    def failing(p):
        return np.where(p[:, :1] < 0.25, np.nan, p)

    with pytest.warns(UserWarning, match=r"Left out \d+ of 400 simulations"):
        p, x = inference.simulate(PRIOR, failing, 400, verbose=0)
    assert 250 < len(p) == len(x) < 350 and p[:, 0].min() >= 0.25
    p, x = next(iter(inference.simulations(PRIOR, failing, 64)))
    assert p.shape == (64, 2) and np.isfinite(x).all() and p.numpy()[:, 0].min() >= 0.25
    with pytest.raises(ValueError, match="Expected finite observations of the simulator; got 9 of 9"):
        inference.simulate(PRIOR, lambda p: p + np.nan, 9, verbose=0)


def test_batches_are_new_and_begin_again_from_the_seed():
    data = inference.simulations(PRIOR, tf.function(lambda p, seed: p + tf.random.stateless_normal([8, 2], seed)), 8, 3)
    first, second = ([x.numpy() for _, x in data] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert len(first) == int(data.cardinality()) == 3 and len(np.unique(first)) == 48


def test_bounded_parameters_stay_within_and_their_density_is_in_their_unit(tmp_path):
    """Trained through `fit`, with all statistics taken past the prior's bijector."""
    p, x = inference.simulate(PRIOR, noisy, 512, verbose=0)
    flow = tfp_flows.MAF(
        (2,), num_layers=2, hidden_units=16, context_shape=(2,),
        preprocessing=PRIOR.experimental_default_event_space_bijector(),
    )  # fmt: skip
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    flow.fit(*passes(30, p, x), batch_size=128, verbose=0)
    (part,) = [b for b in flow.distribution.submodules if isinstance(b, tfp_flows.bijectors.Standardize)]
    logits = PRIOR.experimental_default_event_space_bijector().inverse(p).numpy()
    np.testing.assert_allclose(part.centre, logits.mean(0), atol=1e-4)
    samples = flow.sample((2000,), seed=0, context=[0.02, 1.95]).numpy()
    assert samples[:, 0].min() >= 0 and samples[:, 1].max() <= 2
    # A density of the parameters themselves: it is 1 in all over the prior's support.
    u, v = np.meshgrid((np.arange(100) + 0.5) / 100, 4 * (np.arange(200) + 0.5) / 200 - 2)
    grid = np.stack([u.ravel(), v.ravel()], 1).astype("float32")
    density = np.exp(flow.log_prob(grid, context=[0.5, 0.0]))
    np.testing.assert_allclose(density.mean() * 4, 1.0, atol=0.02)
    assert flow.log_prob(np.array([[1.5, 0.0]], "float32"), context=[0.5, 0.0]).numpy() == -np.inf
    with pytest.raises(ValueError, match="Expected a named model"):
        flow.save(tmp_path / "flow.keras")
    other = tfp_flows.MAF((2,), num_layers=1, hidden_units=8, preprocessing=tfp.bijectors.Sigmoid(0.0, 1.0))
    other.compile("adam")
    with pytest.raises(ValueError, match=r"Expected events within the bounds of 'sigmoid'; got 1 of 3 on"):
        other.fit(np.array([[0.5, 0.5], [0.2, 0.3], [0.4, 1.0]], "float32"), verbose=0)


SCALAR = tfd.Uniform(0.0, 1.0)


@pytest.mark.parametrize("call, message", [
    (lambda: inference.simulate(SCALAR, noisy, 9), r"Expected a prior of vectors \(d,\), .*; got event"),
    (lambda: inference.simulate("prior", noisy, 9), "Expected prior to be a tfd.Distribution; got 'prior'"),
    (lambda: inference.simulate(PRIOR, 3, 9), r"Expected simulator to be a function of parameters"),
    (lambda: inference.simulate(PRIOR, noisy, 0), "Expected num_simulations to be a positive integer; got 0"),
    (lambda: inference.simulations(PRIOR, noisy, 2, True), "Expected num_batches to be a positive integer"),
    (lambda: inference.simulate(PRIOR, lambda p: p[:3], 9, verbose=0), "Expected 9 observations of the"),
    (lambda: inference.simulation_based_calibration(None, P[0], X), r"Expected parameters \(n, d\)"),
    (lambda: inference.simulation_based_calibration(None, P, X[:5]), "Expected 600 observations"),
    (lambda: inference.simulation_based_calibration(None, P + np.nan, X), "Expected finite parameters; got NaN"),
    (lambda: inference.simulation_based_calibration(None, P, X, level=1), "Expected level between 0 and 1; got 1"),
    (lambda: inference.simulation_based_calibration(None, P, X, names=["a", "a"]), "Expected 2 different names of"),
    (lambda: inference.expected_coverage(None, P, X, 0), "Expected num_samples to be a positive integer; got 0"),
    (lambda: inference.c2st(P, X[:9]), r"Expected two samples of one shape \(n, d\); got \(600, 2\) and \(9, 2\)"),
    (lambda: inference.c2st(P, X + np.inf), "Expected finite samples; got NaN or infinite ones"),
    (lambda: inference.c2st(P, X, num_folds=1), "Expected num_folds to be an integer from 2 to 600; got 1"),
    (lambda: tfp_flows.MAF((2,), preprocessing=tfp.bijectors.SoftmaxCentered()), "Expected preprocessing by a"),
    (lambda: tfp_flows.MAF((2,), preprocessing=tfp.bijectors.Shift(tf.Variable(0.0))), "Expected .* without variables"),
    (lambda: tfp_flows.MAF((2,), preprocessing=tfp.bijectors.Shift(np.float64(0))), "Expected .* of dtype float32"),
    (lambda: tfp_flows.MAF((2,), num_bins=4, preprocessing=tfp.bijectors.Exp()), "with vectors of continuous data"),
])  # fmt: skip
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
