"""The sinh-arcsinh map: tails made heavier or lighter, and skewed, by two numbers.

    forward:  x = exp(s) sinh(u) + t,   u = exp(r) (arcsinh(z) + e)    |s|, |r|, |e| bounded as `Affine` bounds s
    inverse:  z = sinh(exp(-r) arcsinh((x - t) exp(-s)) - e)
    log_det (forward) = s + r + log cosh(u) - log cosh(arcsinh(z))
    raw = (raw_s, raw_r, raw_e, t)

r > 0 makes the tails of x heavier than those of z, r < 0 lighter, e > 0 skews to the right. Far out x is a power of z,
so that tails which no affine map reaches are reached. Both directions are closed.
Jones and Pewsey, Sinh-arcsinh distributions, Biometrika 96 (2009), section 2.
"""

from __future__ import annotations

import math

import tensorflow as tf

from tfp_flows.transforms.affine import Affine
from tfp_flows.transforms.transform import Transform, elements


class SinhArcsinh(Transform):
    """x = exp(s) sinh(exp(r) (arcsinh(z) + e)) + t.

    Args:
        log_scale_bound: float > 0, the largest |s|.
        log_tail_bound: float > 0, the largest |r|; 1 makes a power of at most e of the tails.
        skewness_bound: float > 0, the largest |e|: without a bound sinh leaves the range of floats.

    Raises:
        ValueError: where a bound is not a positive finite number.

    Example:
        >>> from tfp_flows import transforms
        >>> heavier = transforms.SinhArcsinh()
        >>> x, _ = heavier.forward_and_log_det(tf.constant([0.0, 10.0]), tf.constant([0.0, 0.5, 0.0, 0.0]))
        >>> [round(float(value), 1) for value in x]
        [0.0, 58.3]
    """

    num_params = 4
    is_increasing = True

    def __init__(self, log_scale_bound: float = 2.0, log_tail_bound: float = 1.0, skewness_bound: float = 3.0):
        self.log_scale_bound = Affine(log_scale_bound).log_scale_bound
        for name, bound in (("log_tail_bound", log_tail_bound), ("skewness_bound", skewness_bound)):
            if not (isinstance(bound, (int, float)) and 0 < bound < math.inf):
                raise ValueError(f"Expected {name} to be a positive finite number; got {bound!r}.")
        self.log_tail_bound, self.skewness_bound = float(log_tail_bound), float(skewness_bound)

    def forward_and_log_det(self, z: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        s, r, e, t = self._parameters(raw)
        a = _arcsinh(z)
        u = tf.exp(r) * (a + e)
        return tf.exp(s) * tf.sinh(u) + t, s + r + _log_cosh(u) - _log_cosh(a)

    def inverse_and_log_det(self, x: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        s, r, e, t = self._parameters(raw)
        u = _arcsinh((x - t) * tf.exp(-s))
        a = tf.exp(-r) * u - e
        return tf.sinh(a), _log_cosh(a) - _log_cosh(u) - s - r

    def _parameters(self, raw):
        s, r, e, t = elements(raw, 4)
        bounded = lambda value, bound: bound * tf.tanh(value / bound)
        bounds = (self.log_scale_bound, self.log_tail_bound, self.skewness_bound)
        return *map(bounded, (s, r, e), bounds), t


def _arcsinh(x):
    """The same to the last places on both sides of 0, and where x^2 is too large for a float."""
    size = tf.abs(x)
    small = tf.minimum(size, 1e4)
    near = tf.math.log1p(small + small**2 / (1 + tf.sqrt(1 + small**2)))
    far = tf.math.log(tf.maximum(size, 1.0)) + math.log(2)
    return tf.sign(x) * tf.where(size > 1e4, far, near)


def _log_cosh(x):
    size = tf.abs(x)
    return size + tf.math.log1p(tf.exp(-2 * size)) - math.log(2)
