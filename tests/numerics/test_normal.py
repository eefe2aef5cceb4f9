"""The standard normal in logits: beside a continued fraction, and differentiated."""

import math
import statistics

import numpy as np
import pytest
import tensorflow as tf

from tests import checks
from tfp_flows.numerics import normal

DTYPES = pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float64", 1e-14)])


def log_upper(z):
    """log Phi(-z), by erfc where it has its digits, by its continued fraction beyond."""
    if z < 5:
        return math.log(math.erfc(z / math.sqrt(2)) / 2)
    fraction = z
    for k in range(200, 0, -1):
        fraction = z + k / fraction
    return -0.5 * z * z - 0.5 * math.log(2 * math.pi) - math.log(fraction)


@DTYPES
def test_logits_and_slopes_are_those_of_a_continued_fraction_everywhere(dtype, tolerance):
    z = np.array([*np.linspace(-4, 4, 33), -6, 7, 8.4, 8.6, -12.5, 20, 34.3, -34.5, 100, 1e4])
    upper = np.array([log_upper(abs(v)) for v in z])
    lower = np.array([math.log(statistics.NormalDist().cdf(abs(v))) for v in z])
    given = tf.constant(z, dtype)
    checks.close(normal.logit_of_normal(given), np.sign(z) * (lower - upper), tolerance)
    want = upper + lower + np.square(z) / 2 + 0.5 * np.log(2 * np.pi)
    checks.close(normal.log_slope(given)[:-1], want[:-1], 30 * tolerance)
    # There the sum of squares has lost its digits: (1 - 1 / z^2) / z.
    checks.close(normal.log_slope(given)[-1:], [-np.log(1e4) - 1e-8], tolerance)
    checks.close(normal.normal_of_logit(normal.logit_of_normal(given)), z, tolerance)


@DTYPES
def test_slopes_are_the_gradients_and_have_theirs(dtype, tolerance):
    z = tf.constant([-40.0, -9.0, -2.0, -1e-3, 0.0, 0.5, 3.0, 8.0, 33.0, 36.0], dtype)
    with tf.GradientTape() as outer:
        outer.watch(z)
        with tf.GradientTape() as tape:
            tape.watch(z)
            logit = normal.logit_of_normal(z)
        slope = tape.gradient(logit, z)
    checks.close(tf.math.log(slope), -normal.log_slope(z), 10 * tolerance)
    with tf.GradientTape() as tape:
        tape.watch(z)
        log_slope = normal.log_slope(z)
    bend = tape.gradient(log_slope, z)
    checks.close(outer.gradient(slope, z) / slope, -bend, 1e4 * tolerance)
    wide, step = tf.cast(z, tf.float64), 1e-5
    differences = (normal.log_slope(wide + step) - normal.log_slope(wide - step)) / (2 * step)
    checks.close(bend, differences, max(3e-8, 20 * tolerance))
    with tf.GradientTape() as tape:
        tape.watch(logit)
        again = normal.normal_of_logit(logit)
    checks.close(tape.gradient(again, logit) * slope, np.ones(len(z)), 100 * tolerance)
