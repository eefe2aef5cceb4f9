"""Logit: data in an interval, made unbounded.

    inverse (data -> latent):  p = alpha + (1 - 2 alpha) (y - low) / (high - low),   x = log p - log(1 - p)
    forward (latent -> data):  y = low + (high - low) (sigmoid(x) - alpha) / (1 - 2 alpha)
    log_det (inverse) = sum log((1 - 2 alpha) / (high - low)) - log p - log(1 - p)

alpha keeps p off 0 and 1. Both directions are cheap.
RealNVP, arXiv:1605.08803, section 4.1; MAF, arXiv:1705.07057, section 4.3 (this symmetric form).
"""

from __future__ import annotations

import math

import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.increasing import Increasing
from tfp_flows.numerics.tensors import floatx


class Logit(Increasing, Bijector):
    """Maps data in [low, high] to the real line.

    Samples may leave the interval by (high - low) alpha / (1 - 2 alpha) at each end, the price of alpha. There and
    beyond inverse is -inf or inf, so that a cdf is 0 or 1, and its log_det -inf.

    Args:
        low, high: floats, the data's interval; 0 and 256 for dequantized 8-bit pixels.
        alpha: float in (0, 0.5).
        event_ndims: int, least rank of the events: 0, elementwise.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where low < high or 0 < alpha < 0.5 does not hold.

    Example:
        >>> from tfp_flows import bijectors
        >>> bijectors.Logit(0.0, 256.0).inverse(tf.constant([128.0])).numpy().tolist()
        [0.0]
    """

    def __init__(
        self,
        low: float = 0.0,
        high: float = 1.0,
        alpha: float = 0.05,
        event_ndims: int = 0,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"Expected finite low < high; got low={low!r}, high={high!r}.")
        if not 0 < alpha < 0.5:
            raise ValueError(f"Expected alpha between 0 and 0.5, both excluded; got {alpha!r}.")
        super().__init__(event_ndims, dtype=dtype, name=name)
        self.low, self.high, self.alpha = float(low), float(high), float(alpha)

    def _forward_and_log_det(self, x):
        # log p and log(1 - p) from x itself: 1 - sigmoid(x) has lost all its digits where x is large.
        log_p, log_q = -tf.nn.softplus(-x), -tf.nn.softplus(x)
        unit = (tf.exp(log_p) - self.alpha) / (1 - 2 * self.alpha)
        return self.low + (self.high - self.low) * unit, -self._inverse_log_det(log_p, log_q)

    def _inverse_and_log_det(self, y):
        p = self.alpha + (1 - 2 * self.alpha) * (y - self.low) / (self.high - self.low)
        # Inside in any case: a gradient that is not finite would come through tf.where.
        outside = (p <= 0) | (p >= 1)
        inside = tf.where(outside, tf.constant(0.5, p.dtype), p)
        log_p, log_q = tf.math.log(inside), tf.math.log1p(-inside)
        x = tf.where(outside, math.inf * tf.sign(p - 0.5), log_p - log_q)
        # A layer after this one may make NaN of it; the log_det says for itself that there is no density.
        empty = tf.reduce_any(outside, list(range(-self.forward_min_event_ndims, 0)))
        return x, tf.where(empty, tf.constant(-math.inf, p.dtype), self._inverse_log_det(log_p, log_q))

    def _inverse_log_det(self, log_p, log_q):
        elementwise = math.log((1 - 2 * self.alpha) / (self.high - self.low)) - log_p - log_q
        return tf.reduce_sum(elementwise, list(range(-self.forward_min_event_ndims, 0)))
