"""The piecewise probit: each interval of the data is a normal on the latent side, and all of it one smooth map."""

import math

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import bijectors
from tfp_flows.models.blocks.preprocessing import to_reals

EDGES = (0.0, 1.0, 256.0)


def build():
    return bijectors.PiecewiseProbit(EDGES, spacing=7.0, dtype="float64")


@pytest.mark.parametrize("k", [0, 1])
def test_an_interval_is_as_good_as_normal(k):
    """What a perfect model would lose, on data uniform in the interval: a logit loses 0.2 nats and more."""
    low, high = EDGES[k : k + 2]
    y = low + (high - low) * (np.arange(100000) + 0.5) / 100000
    probit = build()
    x = probit.inverse(tf.constant(y[:, None]))[:, 0].numpy()
    log_det = probit.inverse_log_det_jacobian(tf.constant(y[:, None]), event_ndims=1).numpy()
    centre = (k - 0.5) * 7.0
    log_prob = -0.5 * (x - centre) ** 2 - 0.5 * math.log(2 * math.pi) + log_det
    assert abs(x.mean() - centre) < 1e-3 and abs(x.std() - 1) < 0.01
    loss = -math.log(high - low) - log_prob.mean()
    assert 0 <= loss < 0.005


def test_it_is_smooth_across_edges_and_knots():
    """The slope that log_det names is that of the map, on both sides of every knot."""
    probit = build()
    knots = np.array(probit._knots[0])
    widths = np.diff(knots)
    nearest = np.minimum(np.r_[widths[0], widths], np.r_[widths, widths[-1]])
    for side in (-1e-6, 1e-6):
        y = tf.constant((knots + side * nearest)[:, None])
        h = 1e-7 * nearest[:, None]
        difference = ((probit.inverse(y + h) - probit.inverse(y - h)) / (2 * h))[:, 0]
        slope = tf.exp(probit.inverse_log_det_jacobian(y, event_ndims=1))
        np.testing.assert_allclose(difference, slope, rtol=1e-4)
        at_knot = probit.inverse_log_det_jacobian(tf.constant((knots + 1e-3 * side * nearest)[:, None]), event_ndims=1)
        np.testing.assert_allclose(tf.exp(at_knot), probit._knots[2], rtol=1e-5)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-4), ("float64", 1e-9)])
def test_beyond_the_data_it_is_straight_and_comes_back(dtype, tolerance):
    probit = bijectors.PiecewiseProbit(EDGES, dtype=dtype)
    x = tf.constant(np.linspace(-30, 30, 601)[:, None], dtype)
    y = probit.forward(x)
    assert (np.diff(y.numpy()[:, 0]) > 0).all()
    np.testing.assert_allclose(probit.inverse(tf.identity(y) + 0), x, rtol=tolerance, atol=tolerance)
    ends = probit.forward_log_det_jacobian(x, event_ndims=1).numpy()[[0, 50, -51, -1]]
    assert ends[0] == ends[1] and ends[2] == ends[3]


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: bijectors.PiecewiseProbit((0, 0, 1)),
            r"Expected edges as .* increasing numbers; got \[0.0, 0.0, 1.0\]",
        ),
        (lambda: bijectors.PiecewiseProbit((1,)), "Expected edges as at least two"),
        (lambda: bijectors.PiecewiseProbit((0, float("nan"))), "Expected edges as at least two finite"),
        (lambda: bijectors.PiecewiseProbit((0, 1), spacing=6), "Expected a spacing above 6.0; got 6"),
        (lambda: to_reals((2,), 256, edges=(0, 1, 255)), r"Expected edges from 0 to num_bins=256; got \(0, 1, 255\)"),
        (lambda: to_reals((2,), 256, edges=(1, 256)), "Expected edges from 0 to num_bins=256"),
        (
            lambda: to_reals((2,), 256, edges=(0, 1.5, 256)),
            r"Expected edges as increasing integers; got \(0, 1.5, 256\)",
        ),
        (lambda: to_reals((2,), None, edges=(0, 1)), "Expected num_bins beside edges"),
        (
            lambda: tfp_flows.Glow((8, 8, 1), num_steps=1, hidden_channels=2, edges=(0, 1)),
            "Expected num_bins beside edges",
        ),
    ],
)
def test_bad_edges_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
