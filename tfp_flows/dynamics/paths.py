"""Paths of probability from a normal latent z at t = 0 to data x at t = 1, one number each for the two at every time.

    x_t = a(t) x + s(t) z,    dx_t/dt = a'(t) x + s'(t) z

    linear                 a = t                     s = 1 - t                  (arXiv:2210.02747, section 4.1)
    trigonometric          a = sin(pi t / 2)         s = cos(pi t / 2)          (arXiv:2303.08797, section 3)
    variance_preserving    a = exp(-B(1 - t) / 2)    s = sqrt(1 - a^2)          (arXiv:2011.13456, appendix B)
                           B(u) = beta_0 u + (beta_1 - beta_0) u^2 / 2
    variance_exploding     a = 1                     s = s_max^(1-t) s_min^t    (arXiv:2011.13456, appendix C)

Score models count time the other way, from the data: u = 1 - t.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import tensorflow as tf


class Point(NamedTuple):
    """A path at times: a, s and their derivatives by t, each of the times' shape."""

    a: tf.Tensor
    s: tf.Tensor
    da: tf.Tensor
    ds: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Linear:
    """The straight path, of constant velocity: that of optimal transport between one event and its latent.

    Example:
        >>> from tfp_flows.dynamics import paths
        >>> [float(number) for number in paths.Linear()(tf.constant(0.25))]
        [0.25, 0.75, 1.0, -1.0]
    """

    def __call__(self, t: tf.Tensor) -> Point:
        return Point(t, 1 - t, tf.ones_like(t), -tf.ones_like(t))


@dataclasses.dataclass(frozen=True)
class Trigonometric:
    """A quarter of a circle: in standard units the variance is 1 all the way.

    Example:
        >>> from tfp_flows.dynamics import paths
        >>> point = paths.Trigonometric()(tf.constant(0.3))
        >>> round(float(point.a**2 + point.s**2), 5)
        1.0
    """

    def __call__(self, t: tf.Tensor) -> Point:
        angle = math.pi / 2 * t
        a, s = tf.sin(angle), tf.cos(angle)
        return Point(a, s, math.pi / 2 * s, -math.pi / 2 * a)


@dataclasses.dataclass(frozen=True)
class VariancePreserving:
    """The variance-preserving diffusion of DDPM in continuous time, of linear noise rate.

    Args:
        beta_0, beta_1: floats, 0 < beta_0 < beta_1: the rates at the data and at the latent.

    Raises:
        ValueError: where they are not.

    Example:
        >>> from tfp_flows.dynamics import paths
        >>> point = paths.VariancePreserving()(tf.constant(0.0))
        >>> round(float(point.a), 4), round(float(point.s), 4)
        (0.0066, 1.0)
    """

    beta_0: float = 0.1
    beta_1: float = 20.0

    def __post_init__(self):
        if not 0 < self.beta_0 < self.beta_1 < math.inf:
            raise ValueError(f"Expected rates 0 < beta_0 < beta_1; got {self.beta_0!r} and {self.beta_1!r}.")

    def __call__(self, t: tf.Tensor) -> Point:
        u = 1 - t
        integral = self.beta_0 * u + (self.beta_1 - self.beta_0) * u**2 / 2
        rate = self.beta_0 + (self.beta_1 - self.beta_0) * u
        a = tf.exp(-integral / 2)
        # Exact where it is small, where 1 - a^2 has lost its digits.
        s = tf.sqrt(-tf.math.expm1(-integral))
        da = a * rate / 2
        return Point(a, s, da, -a * da / s)

    def even_in_noise(self, r: tf.Tensor, last: float = 1 - 1e-5) -> tf.Tensor:
        """Times between which log(s / a) changes alike, at equal steps of r from 0 to 1: from t = 0 to the last.

        So drawn, errors of the noise count as they do in a bound of the likelihood, whose weight is g^2 / s^2
        (arXiv:2101.09258, section 4.3).
        """
        low, high = (self._log_ratio(u) for u in (1 - last, 1.0))
        return 1 - self._root(tf.nn.softplus(high + (low - high) * r))

    def time_of(self, ratio: float) -> float:
        """The time at which the noise is so many times the data, s / a.

        Example:
            >>> from tfp_flows.dynamics import paths
            >>> path = paths.VariancePreserving()
            >>> a, s, *_ = path(tf.constant(path.time_of(0.25)))
            >>> round(float(s / a), 5)
            0.25
        """
        return 1 - self._root(math.log1p(ratio**2))

    def _root(self, integral):
        """u of B(u) = integral, without a difference of like numbers."""
        slope = self.beta_1 - self.beta_0
        return 2 * integral / (self.beta_0 + (self.beta_0**2 + 2 * slope * integral) ** 0.5)

    def noise_level(self, t: tf.Tensor, last: float = 1 - 1e-5) -> tf.Tensor:
        """log(s / a) of times, in a straight line from 0 at t = 0 to 1 at the last: the other way of `even_in_noise`.

        What a network is told of the time: within the last hundredth of it the noise falls by a factor of thirty.
        """
        low, high = (self._log_ratio(u) for u in (1 - last, 1.0))
        u = 1 - tf.minimum(t, last)
        integral = self.beta_0 * u + (self.beta_1 - self.beta_0) * u**2 / 2
        # log(exp(B) - 1), which overflows for none.
        return (high - integral - tf.math.log(-tf.math.expm1(-integral))) / (high - low)

    def _log_ratio(self, u):
        """log(s^2 / a^2) at u = 1 - t."""
        return math.log(math.expm1(self.beta_0 * u + (self.beta_1 - self.beta_0) * u**2 / 2))


@dataclasses.dataclass(frozen=True)
class VarianceExploding:
    """Noise of geometric levels added to the data, of the score models.

    Args:
        s_min, s_max: floats, 0 < s_min < s_max: standard deviations at the data and at the latent.

    Raises:
        ValueError: where they are not.

    Example:
        >>> from tfp_flows.dynamics import paths
        >>> [round(float(number), 3) for number in paths.VarianceExploding(0.01, 100.0)(tf.constant(0.5))]
        [1.0, 1.0, 0.0, -9.21]
    """

    s_min: float = 0.01
    s_max: float = 50.0

    def __post_init__(self):
        if not 0 < self.s_min < self.s_max < math.inf:
            raise ValueError(f"Expected 0 < s_min < s_max; got {self.s_min!r} and {self.s_max!r}.")

    def __call__(self, t: tf.Tensor) -> Point:
        rate = math.log(self.s_min / self.s_max)
        s = self.s_max * tf.exp(rate * t)
        return Point(tf.ones_like(t), s, tf.zeros_like(t), rate * s)

    def even_in_noise(self, r: tf.Tensor, last: float = 1.0) -> tf.Tensor:
        """As that of `VariancePreserving`: its levels are geometric as they are."""
        return last * r

    def noise_level(self, t: tf.Tensor, last: float = 1.0) -> tf.Tensor:
        """As that of `VariancePreserving`."""
        return t / last


PATHS = {"linear": Linear, "trigonometric": Trigonometric, "variance_preserving": VariancePreserving}


def stratified_times(n: tf.Tensor, seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """n times in (0, 1), one in each n-th part of it, uniform together: (n,).

    Args:
        n: int tensor.
        seed: int32 tensor [2].
        dtype: floating dtype.

    Example:
        >>> from tfp_flows.dynamics import paths
        >>> t = paths.stratified_times(4, [0, 1], tf.float32)
        >>> tf.cast(4 * t, tf.int32).numpy().tolist()
        [0, 1, 2, 3]
    """
    u = tf.random.stateless_uniform([n], seed, dtype=dtype)
    return (tf.range(n, dtype=dtype) + u) / tf.cast(n, dtype)
