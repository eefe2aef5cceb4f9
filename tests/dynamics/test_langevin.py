"""Annealed Langevin dynamics: the published levels and steps, the distribution that is left, and where it is needed."""

import math

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows.bridge.traces import traced
from tfp_flows.dynamics import langevin, paths


@pytest.mark.parametrize(
    "s_max, size, published", [(50.0, 32, 232), (90.0, 64, 500), (140.0, 96, 788), (190.0, 128, 1086)]
)
def test_the_number_of_levels_is_the_published_one(s_max, size, published):
    """arXiv:2006.09011, table 4 (appendix B.2): CIFAR-10, CelebA, LSUN church and bedroom."""
    assert abs(langevin.num_levels(0.01, s_max, 3 * size * size) / published - 1) < 0.01


@pytest.mark.parametrize("s_max, count, published", [(50.0, 232, 6.2e-6), (90.0, 500, 3.3e-6)])
def test_the_step_is_the_published_one(s_max, count, published):
    gamma = (s_max / 0.01) ** (1 / (count - 1))
    assert abs(langevin.best_step(0.01, gamma, 5) / published - 1) < 0.1


def two_modes(levels, dtype="float64"):
    """The score of 0.2 N(-5, 1) + 0.8 N(5, 1) with noise of each level, as a function of x and the level's number."""
    variances = tf.constant([1 + s**2 for s in levels], dtype)

    def score(x, i):
        v = tf.gather(variances, i)
        share = tf.sigmoid(math.log(4.0) + 10 * x / v)
        return (-(x + 5) * (1 - share) - (x - 5) * share) / v

    return score


def test_annealing_gives_modes_their_weights_and_one_level_does_not():
    """arXiv:1907.05600, section 3.2.2."""
    levels = [20.0 * 0.75**i for i in range(25)]
    start = 20 * tf.random.stateless_normal([4000, 1], [0, 1], dtype=tf.float64)
    step = langevin.best_step(levels[-1], levels[0] / levels[1], 100)
    run = traced(lambda levels, step, n: langevin.annealed_langevin(two_modes(levels), start, levels, step, n, [0, 2]))
    annealed = run(levels, step, 100).numpy()
    assert abs((annealed > 0).mean() - 0.8) < 0.04
    assert abs(annealed[annealed > 0].mean() - 5) < 0.1 and abs(annealed[annealed > 0].std() - 1) < 0.1
    plain = run([0.02], 0.1, 2500).numpy()
    assert abs((plain > 0).mean() - 0.5) < 0.05


def test_chains_are_a_function_of_the_seed_and_graphs_agree():
    levels = [3.0, 1.0, 0.3]
    run = lambda seed: langevin.annealed_langevin(two_modes(levels), tf.ones([5, 1], tf.float64), levels, 0.01, 4, seed)
    first = run(tf.constant([1, 2]))
    np.testing.assert_array_equal(first, run(tf.constant([1, 2])))
    assert (first != run(tf.constant([1, 3]))).numpy().all()
    np.testing.assert_allclose(traced(run)(tf.constant([1, 2])), first, rtol=1e-10)
    # XLA has another generator of random numbers.
    assert np.isfinite(traced(run, jit_compile=True)(tf.constant([1, 2]))).all()


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(levels=[1.0, 2.0]), r"Expected positive, decreasing noise levels; got \[1.0, 2.0\]"),
        (dict(levels=[1.0, 0.0]), "Expected positive, decreasing noise levels"),
        (dict(levels=[]), "Expected positive, decreasing noise levels"),
        (dict(step=0.0), "Expected step to be a positive finite number; got 0.0"),
        (dict(num_steps=0), "Expected num_steps to be a positive integer; got 0"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    given = dict(levels=[1.0, 0.1], step=0.1, num_steps=2) | options
    with pytest.raises(ValueError, match=message):
        langevin.annealed_langevin(lambda x, i: -x, tf.ones([1, 1]), seed=[0, 0], **given)


def test_events_of_few_elements_take_levels_that_can_be_followed():
    """Published numbers are those of images; of two elements technique 2 asks for four levels from 8 to 0.01."""
    flow = tfp_flows.NCSN((2,), hidden_units=4)
    levels = np.array(flow.sampler.levels(flow))
    assert levels[0] == 8.0 and levels[-1] == pytest.approx(0.01) and (levels[:-1] / levels[1:]).max() <= 1.1
    assert flow.sampler.steps(flow)[0] == 10
    large = tfp_flows.NCSN((32, 32, 3), hidden_channels=4, multipliers=(1,), s_max=50.0)
    assert len(large.sampler.levels(large)) == langevin.num_levels(0.01, 50.0, 3072)
    assert large.sampler.steps(large)[0] == 5 and 5.5e-6 < large.sampler.steps(large)[1] < 7e-6


def test_samples_are_of_the_data_where_the_score_is_known(monkeypatch):
    """Eight modes on a circle: samples by the defaults are as likely as the data are."""
    angles = np.arange(8) * np.pi / 4
    centres = tf.constant(1.4 * np.stack([np.cos(angles), np.sin(angles)], 1), tf.float32)

    def score(x, t, context):
        variance = 0.15**2 + paths.VarianceExploding(0.01, 8.0)(t).s[:, None] ** 2
        weights = tf.nn.softmax(-tf.reduce_sum((x[:, None] - centres) ** 2, 2) / (2 * variance))
        return (tf.matmul(weights, centres) - x) / variance

    flow = tfp_flows.NCSN((2,), hidden_units=4)
    monkeypatch.setattr(flow.continuous.network, "score", score)
    x = flow.sample(4000, seed=0).numpy()
    nearest = np.square(x[:, None] - centres).sum(2)
    shares = np.bincount(nearest.argmin(1), minlength=8) / len(x)
    assert np.abs(shares - 1 / 8).max() < 0.03
    assert abs(np.sqrt(nearest.min(1).mean() / 2) / 0.15 - 1) < 0.25


def test_a_flow_without_noise_levels_is_refused():
    flow = tfp_flows.FlowMatching((2,), hidden_units=4)
    flow.sampler = tfp_flows.flow.AnnealedLangevin()
    with pytest.raises(ValueError, match="Expected a model of exploding noise levels, as NCSN; got FlowMatching"):
        flow.sample(2, seed=0)
