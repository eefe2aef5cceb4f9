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
        super().__init__(event_ndims=1, dtype=tf.float64, is_constant_jacobian=wrong != "modest")
        self.wrong = wrong
        self.w = tf.Variable([0.5, -0.2], dtype=tf.float64)
        self.unused = tf.Variable(1.0, dtype=tf.float64) if wrong == "unused" else None
        self.hidden = _closure(tf.Variable(1.0, dtype=tf.float64)) if wrong == "hidden" else lambda: 1.0

    def _forward_and_log_det(self, x):
        y = x * tf.exp(self.w) * self.hidden()
        return y + (1e-6 if self.wrong == "value" else 0.0), self._log_det(x, 1.0)

    def _inverse_and_log_det(self, y):
        w = tf.stop_gradient(self.w) if self.wrong == "gradient" else self.w
        return y * tf.exp(-w) / self.hidden(), self._log_det(y, -1.0)

    def _log_det(self, value, sign):
        log_det = sign * tf.reduce_sum(self.w)
        if self.wrong == "varies":
            log_det = log_det + value[..., 0]
        if self.wrong == "log_det":
            log_det = log_det + 1e-6
        if self.wrong == "sign":
            log_det = -log_det
        if self.wrong == "infinite":
            log_det = log_det / tf.reduce_sum(self.w * 0.0)
        return tf.stop_gradient(log_det) if self.wrong == "gradient" else log_det


def _closure(variable):
    return lambda: variable


CHECKS = {
    "value": lambda b: checks.round_trip(b, X, X, 1e-9),
    "sign": lambda b: checks.log_dets(b, X, X, 1e-8),
    "log_det": lambda b: checks.log_dets(b, X, X, 1e-8),
    "infinite": lambda b: checks.log_dets(b, X, X, 1e-8),
    "varies": lambda b: checks.constant_jacobian(b, X, 2 * X, True),
    "modest": lambda b: checks.constant_jacobian(b, X, 2 * X, True),
    "unused": lambda b: checks.gradients(b, X, X),
    "hidden": lambda b: checks.gradients(b, X, X),
    "gradient": lambda b: checks.gradients(b, X, X),
}


@pytest.mark.parametrize("wrong", CHECKS)
def test_wrong_bijectors_are_caught(wrong):
    CHECKS[wrong](Wrong())
    with pytest.raises(AssertionError):
        CHECKS[wrong](Wrong(wrong))


def test_a_naive_round_trip_would_have_passed():
    """Why tensor identity is broken: TFP hands back the very tensor that it was given."""
    wrong = Wrong("value")
    x = tf.identity(X)
    assert wrong.inverse(wrong.forward(x)) is x
