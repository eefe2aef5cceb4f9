"""Sigmoid: the real line to (0, 1), for noise and other data in the open interval.

    forward (latent -> data):  y = 1 / (1 + exp(-x))        log_det = sum -log(1 + exp(x)) - log(1 + exp(-x))
    inverse (data -> latent):  x = log y - log(1 - y)       log_det = sum -log y - log(1 - y)

`tfb.Sigmoid` is the same function, but its gradient is NaN where exp(x) overflows, above 88 in float32: here it
is finite for all x. For data that may touch the interval's ends: `Logit`. Both directions are cheap.
"""

from __future__ import annotations

import math

import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.numerics.tensors import floatx


class Sigmoid(Bijector):
    """Maps the real line to (0, 1), elementwise. Elsewhere inverse is NaN, its log_det -inf.

    Args:
        event_ndims: int.
        dtype: floating dtype, or None for any.
        name: str or None.

    Example:
        >>> from tfp_flows import bijectors
        >>> bijectors.Sigmoid().forward(tf.constant([0.0, 200.0])).numpy().tolist()
        [0.5, 1.0]
    """

    def __init__(self, event_ndims: int = 1, dtype: tf.DType | str | None = None, name: str | None = None):
        dtype = floatx(dtype)
        super().__init__(event_ndims, dtype=dtype, name=name)

    def _forward_and_log_det(self, x):
        return tf.sigmoid(x), self._sum(-tf.nn.softplus(x) - tf.nn.softplus(-x))

    def _inverse_and_log_det(self, y):
        # As for `Logit`.
        outside = (y <= 0) | (y >= 1)
        y = tf.where(outside, tf.constant(0.5, y.dtype), y)
        log_y, log_rest = tf.math.log(y), tf.math.log1p(-y)
        x = tf.where(outside, tf.constant(math.nan, y.dtype), log_y - log_rest)
        return x, self._sum(tf.where(outside, tf.constant(-math.inf, y.dtype), -log_y - log_rest))

    def _sum(self, log_det):
        return tf.reduce_sum(log_det, list(range(-self.forward_min_event_ndims, 0)))
