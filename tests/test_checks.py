"""The generic checks can fail: each is shown a bijector that is wrong in one way."""

import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests import checks
from tfp_flows import bijectors

tfb = tfp.bijectors
X = tf.constant([[0.3, -1.2], [2.0, 0.7], [0.1, 0.4]], tf.float64)


class Wrong(bijectors.Bijector):
    """y = x exp(w), with one thing wrong."""

    def __init__(self, wrong=None):
        super().__init__(event_ndims=1, dtype=tf.float64, is_constant_jacobian=True)
        self.w = tf.Variable([0.5, -0.2], dtype=tf.float64)
        self.unused = tf.Variable(1.0, dtype=tf.float64) if wrong == "unused" else None
        self.hidden = (lambda v: lambda: v)(tf.Variable(1.0, dtype=tf.float64)) if wrong == "hidden" else None
        self.wrong = wrong

    def _forward_and_log_det(self, x):
        y = x * tf.exp(self.w) + (1e-6 if self.wrong == "forward" else 0.0)
        if self.hidden:
            y = y * self.hidden()
        if self.wrong == "varies":
            y = y + 0.0 * x
        return y, tf.reduce_sum(self.w) * (-1.0 if self.wrong == "sign" else 1.0)

    def _inverse_and_log_det(self, y):
        log_det = -tf.reduce_sum(self.w)
        if self.wrong == "varies":
            log_det = log_det + y[..., 0]
        if self.wrong == "log_det":
            log_det = log_det + 1e-6
        x = y * tf.exp(-self.w)
        return (tf.stop_gradient(x) if self.wrong == "gradient" else x), tf.stop_gradient(log_det) if (
            self.wrong == "gradient"
        ) else log_det


CHECKS = {
    "forward": lambda b: checks.round_trip(b, X, X, 1e-9),
    "sign": lambda b: checks.log_dets(b, X, X, 1e-8),
    "log_det": lambda b: checks.log_dets(b, X, X, 1e-8),
    "varies": lambda b: checks.constant_jacobian(b, X, 2 * X, True),
    "unused": lambda b: checks.gradients(b, X),
    "gradient": lambda b: checks.gradients(b, X),
}


@pytest.mark.parametrize("wrong", CHECKS)
def test_wrong_bijectors_are_caught(wrong):
    CHECKS[wrong](Wrong())
    with pytest.raises(AssertionError):
        CHECKS[wrong](Wrong(wrong))


def test_a_naive_round_trip_would_have_passed():
    """Why tensor identity is broken: TFP hands back the very tensor that it was given."""
    wrong = Wrong("forward")
    x = tf.identity(X)
    assert wrong.inverse(wrong.forward(x)) is x
