"""Sigmoid: the real line to an interval, for noise and other data in (0, 1) or (low, high).

    forward (latent -> data):  y = low + (high - low) p,  p = 1 / (1 + exp(-x))
                               log_det = sum log(high - low) - log(1 + exp(x)) - log(1 + exp(-x))
    inverse (data -> latent):  x = log p - log(1 - p),    p = (y - low) / (high - low)
                               log_det = sum -log(high - low) - log p - log(1 - p)

`tfb.Sigmoid` is the same function, but its gradient is NaN where exp(x) overflows, above 88 in float32: here it
is finite for all x. For data that may touch the interval's ends: `Logit`. Both directions are cheap.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from numpy.typing import ArrayLike

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.increasing import Increasing
from tfp_flows.numerics.tensors import floatx


class Sigmoid(Increasing, Bijector):
    """Maps the real line to (low, high), elementwise. At the ends and beyond inverse is -inf or inf, its log_det -inf.

    Args:
        low, high: floats, arrays or tensors that broadcast with the events, low < high; both or neither, for (0, 1).
        event_ndims: int, least rank of the events: 0, elementwise.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where one of low and high is given alone or is no number, or low < high, both finite, does not hold.

    Example:
        >>> from tfp_flows import bijectors
        >>> bijectors.Sigmoid().forward(tf.constant([0.0, 200.0])).numpy().tolist()
        [0.5, 1.0]
        >>> bijectors.Sigmoid(-1.0, 3.0).inverse(tf.constant([1.0, 3.0])).numpy().tolist()
        [0.0, inf]
    """

    overrides = ("_parameter_properties",)

    def __init__(
        self,
        low: ArrayLike | None = None,
        high: ArrayLike | None = None,
        event_ndims: int = 0,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        if (low is None) != (high is None):
            raise ValueError(
                f"Expected both of low and high, or neither; got low={low!r}, high={high!r} (event_ndims goes by name)."
            )
        super().__init__(event_ndims, dtype=dtype, name=name)
        self.low, self.high = (_bound(value, dtype) for value in (low, high))
        if low is not None:
            self._check()

    def _forward_and_log_det(self, x):
        log_det = -tf.nn.softplus(x) - tf.nn.softplus(-x)
        if self.low is None:
            return tf.sigmoid(x), self._sum(log_det)
        low, width, high = self._interval()
        # From the nearer end: rounding takes nothing over the other.
        y = tf.where(x < 0, low + width * tf.sigmoid(x), high - width * tf.sigmoid(-x))
        return y, self._sum(log_det + tf.math.log(width))

    def _inverse_and_log_det(self, y):
        low, width, high = (0.0, 1.0, 1.0) if self.low is None else self._interval()
        below, above = y <= low, y >= high
        # Inside in any case: a gradient that is not finite would come through tf.where.
        outside = below | above
        y = tf.where(outside, 0.5 * (low + high) + tf.zeros_like(y), y)
        log_p = tf.math.log((y - low) / width)
        log_rest = tf.math.log1p(-y) if self.low is None else tf.math.log((high - y) / width)
        x = tf.where(below, tf.constant(-math.inf, y.dtype), log_p - log_rest)
        x = tf.where(above, tf.constant(math.inf, y.dtype), x)
        log_det = -log_p - log_rest - tf.math.log(tf.cast(width, y.dtype))
        return x, self._sum(tf.where(outside, tf.constant(-math.inf, y.dtype), log_det))

    def _interval(self):
        low, high = tf.convert_to_tensor(self.low), tf.convert_to_tensor(self.high)
        return low, high - low, high

    def _check(self):
        low, high = (None if isinstance(v, tf.Variable) else tf.get_static_value(v) for v in (self.low, self.high))
        if low is None or high is None:
            return
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
            raise ValueError(f"Expected finite low < high; got low={low.tolist()!r}, high={high.tolist()!r}.")

    @classmethod
    def _parameter_properties(cls, dtype):
        # By which TFP knows the batch shape, and slices a batch.
        bound = tfp.util.ParameterProperties(event_ndims=lambda self, x_event_ndims: x_event_ndims)
        return {"low": bound, "high": bound}

    def _sum(self, log_det):
        return tf.reduce_sum(log_det, list(range(-self.forward_min_event_ndims, 0)))


def _bound(value, dtype):
    if value is None or isinstance(value, tf.Variable):
        return value
    value = tf.convert_to_tensor(value)
    if not (value.dtype.is_floating or value.dtype.is_integer):
        raise ValueError(f"Expected low and high as numbers; got {value.dtype.name}.")
    return tf.cast(value, dtype)
