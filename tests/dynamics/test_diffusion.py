"""The reverse diffusion: of Gaussian data, whose noise is known, it leaves their distribution, by each kind of step."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import dynamics, serving
from tfp_flows.bridge.traces import traced
from tfp_flows.dynamics import diffusion, paths

LOC, SCALE, N = np.array([1.5, -0.4]), np.array([0.7, 2.0]), 4000
PATHS = {
    "exploding": (paths.VarianceExploding(0.01, 30.0), (0.0, 1.0)),
    "preserving": (paths.VariancePreserving(), (0.0, 1 - 1e-5)),
}


def exact(path):
    """E[z given x_t] of N(LOC, SCALE^2), and its distribution at a time: mean and standard deviation."""

    def eps(x, t):
        a, s = path(t[:, None])[:2]
        return s * (x - a * LOC) / (a**2 * SCALE**2 + s**2)

    def at(t):
        a, s = (float(value) for value in path(tf.constant(t, tf.float64))[:2])
        return a * LOC, np.sqrt(a**2 * SCALE**2 + s**2)

    return eps, at


def start(at, t):
    mean, deviation = at(t)
    return mean + deviation * tf.random.stateless_normal([N, 2], [0, 1], dtype=tf.float64)


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize(
    "options",
    [
        dict(),
        dict(noise=0.5),
        dict(noise=0.0),
        dict(predictor="euler_maruyama"),
        dict(predictor="euler_maruyama", noise=1.5),
        dict(corrector_steps=2, corrector_ratio=0.1),
    ],
    ids=lambda options: "-".join(map(str, options.values())) or "ancestral",
)
def test_gaussian_data_come_back(kind, options):
    path, (first, last) = PATHS[kind]
    eps, at = exact(path)
    times = np.linspace(first, last, 401)
    draw = traced(lambda x: diffusion.reverse_diffusion(eps, path, x, times, [0, 2], **options))
    x = draw(start(at, first)).numpy()
    # Three standard errors, beside what 400 steps leave.
    assert np.abs((x.mean(0) - LOC) / SCALE).max() < 3 / np.sqrt(N) + 0.02
    assert np.abs(x.std(0) / SCALE - 1).max() < 3 / np.sqrt(2 * N) + 0.02
    assert abs(np.corrcoef(x.T)[0, 1]) < 3 / np.sqrt(N)


def test_steps_from_a_wide_level_to_a_narrow_one_are_exact_of_one_point():
    """Of data of one point the noise of an event does not change on its way, whatever the steps."""
    path, (first, last) = PATHS["preserving"]
    eps = lambda x, t: (x - path(t[:, None]).a * LOC) / path(t[:, None]).s
    x = tf.random.stateless_normal([5, 2], [3, 1], dtype=tf.float64)
    for noise in (0.0, 1.0):
        drawn = diffusion.reverse_diffusion(eps, path, x, [first, 0.3, last], [0, 1], noise=noise)
        np.testing.assert_allclose(drawn, np.tile(LOC, (5, 1)), rtol=1e-9)


@pytest.mark.parametrize("kind", PATHS)
def test_without_noise_it_solves_the_probability_flow_equation(kind):
    path, (first, last) = PATHS[kind]
    eps, at = exact(path)
    x = start(at, first)[:50]

    def velocity(t, x):
        a, s, da, ds = (v[:, None] for v in path(t))
        return da / a * x + (ds - s * da / a) * eps(x, t)

    wanted = dynamics.solve(velocity, x, first, last, dynamics.Solver(rtol=1e-9, atol=1e-9)).y
    errors = []
    for count in (200, 400):
        times = np.linspace(first, last, count + 1)
        run = traced(lambda x: diffusion.reverse_diffusion(eps, path, x, times, [0, 2], noise=0.0, denoise=False))
        errors.append(np.abs(run(x) - wanted).max())
    # A method of first order.
    assert errors[1] < 0.05 and 1.7 < errors[0] / errors[1] < 2.3


def test_the_temperature_scales_the_noise_and_the_seed_decides():
    path, (first, last) = PATHS["exploding"]
    eps, at = exact(path)
    times, x = np.linspace(first, last, 20), start(at, first)
    run = lambda seed, **options: diffusion.reverse_diffusion(eps, path, x, times, seed, **options)
    np.testing.assert_array_equal(run([1, 2]), run([1, 2]))
    assert (run([1, 2]) != run([1, 3])).numpy().all()
    np.testing.assert_allclose(traced(run)(tf.constant([1, 2])), run([1, 2]), rtol=1e-9)
    np.testing.assert_array_equal(run([1, 2], temperature=0.0), run([1, 3], temperature=0.0))
    assert np.isfinite(traced(run, jit_compile=True)(tf.constant([1, 2]))).all()


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(times=[0.0]), r"Expected at least two rising times; got \[0.0\]"),
        (dict(times=[0.0, 0.5, 0.5]), "Expected at least two rising times"),
        (dict(noise=1.5), "Expected noise from 0 to 1 with 'ancestral'; got 1.5"),
        (dict(noise=float("nan")), "Expected noise from 0 to 1"),
        (dict(corrector_steps=-1), "Expected corrector_steps to be an integer of at least 0; got -1"),
        (dict(corrector_ratio=0.0), "Expected corrector_ratio between 0 and 1; got 0.0"),
        (dict(predictor="ddim"), "Expected predictor to be one of .*; got 'ddim'"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    given = dict(times=[0.0, 1.0]) | options
    with pytest.raises(ValueError, match=message):
        diffusion.reverse_diffusion(lambda x, t: x, paths.VarianceExploding(), tf.ones([1, 1]), seed=[0, 0], **given)


@pytest.mark.parametrize(
    "path, last", [(paths.VariancePreserving(0.3, 12.0), 1 - 1e-4), (paths.VarianceExploding(0.02, 9.0), 1.0)]
)
def test_the_noise_level_is_the_logarithm_of_the_noise(path, last):
    r = np.linspace(0, 1, 33)
    t = path.even_in_noise(tf.constant(r), last)
    np.testing.assert_allclose(path.noise_level(t, last), r, atol=1e-9)
    a, s, *_ = path(tf.constant([0.0, 0.4, 0.9, last], tf.float64))
    ratio = np.log((s / a).numpy())
    level = path.noise_level(tf.constant([0.4, 0.9], tf.float64), last)
    np.testing.assert_allclose(level, (ratio[1:3] - ratio[0]) / (ratio[3] - ratio[0]), atol=1e-9)
    np.testing.assert_allclose(path.noise_level(tf.cast(t, tf.float32), last), r, atol=2e-3)


def test_times_that_are_even_in_noise_weigh_as_the_likelihood_does():
    """Their density is in proportion to g^2 / s^2."""
    for path, last in ((paths.VariancePreserving(), 1 - 1e-5), (paths.VarianceExploding(0.01, 30.0), 1.0)):
        r = tf.linspace(tf.zeros([], tf.float64), tf.ones([], tf.float64), 401)
        t = path.even_in_noise(r, last).numpy()
        np.testing.assert_allclose(t[[0, -1]], [0, last], atol=1e-6)
        middle = tf.constant((t[1:] + t[:-1]) / 2)
        a, s, da, ds = path(middle)
        weight = np.diff(t) * 2 * ((s * da / a - ds) / s).numpy()
        np.testing.assert_allclose(weight, weight.mean(), rtol=0.02)


class TestSampler:
    def test_it_draws_for_the_flow_and_its_server(self, tmp_path):
        """A network that has learned nothing predicts no noise: what comes back is what was begun with."""
        flow = tfp_flows.ScoreSDE((3,), hidden_units=4, kind="variance_exploding", s_max=5.0)
        flow.sampler = tfp_flows.flow.SDESampler(7, noise=0.0)
        cold, warm = flow.sample(64, seed=3, temperature=0.5).numpy(), flow.sample(64, seed=3).numpy()
        np.testing.assert_allclose(cold * 2, warm, rtol=1e-5)
        assert abs(warm.std() / np.sqrt(26) - 1) < 0.2
        served = serving.load(serving.export(flow, tmp_path, warmup=False))
        np.testing.assert_allclose(served.sample(64, seed=[0, 3]), warm, rtol=1e-5)
        # With its noise the variance of every step is added to nothing: sums of what the levels lose.
        flow.sampler = tfp_flows.flow.SDESampler(7, predictor="euler_maruyama")
        path, times = paths.VarianceExploding(0.01, 5.0), np.linspace(0, 1, 8)[:-1]
        added = sum(float(-2 * path(t).s * path(t).ds) / 7 for t in tf.constant(times))
        drawn = flow.sample(4000, seed=3).numpy()
        assert abs(drawn.var() / (26 + added) - 1) < 0.06

    @pytest.mark.parametrize("make, message", [
        (lambda: tfp_flows.flow.SDESampler(0), "Expected num_steps to be a positive integer; got 0"),
        (lambda: tfp_flows.flow.SDESampler(noise=-1.0), "Expected noise from 0 to 1"),
    ])  # fmt: skip
    def test_it_refuses(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()
        flow = tfp_flows.FlowMatching((2,), hidden_units=4)
        flow.sampler = tfp_flows.flow.SDESampler()
        with pytest.raises(ValueError, match="Expected a model that predicts noise, .*; got FlowMatching"):
            flow.sample(2, seed=0)
