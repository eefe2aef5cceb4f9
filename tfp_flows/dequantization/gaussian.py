"""Gaussian noise beyond the bins: what is learned is the density of noisy data, which is smooth, and no bound of bits.

    y = x + 1/2 + scale e of integers, y = x + scale e of reals,   e ~ N(0, 1);    log q(e|x) = 0

Samples of it are noisy as well. Tweedie's formula takes the noise out, y + scale^2 grad log p(y), the mean of what is
below it: see `tfp_flows.flow.AutoregressiveSampler`.
Zhai et al., TarFlow, arXiv:2412.06329, sections 3.3 and 3.4.
"""

from __future__ import annotations

import math
from numbers import Real

import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.dequantization.bins import Bins


class Gaussian(Bins):
    """y = x + noise of a fixed standard deviation, of the middle of its bin where x is an integer.

    The loss of a flow with it is the negative log density of noisy data: to be compared with another of the same scale
    alone. It has no bits per dimension.

    Args:
        scale: float > 0, standard deviation of the noise, in the unit of the data: of integers a level.
        num_bins: int >= 2, the number of levels of integer data; None for reals.

    Raises:
        ValueError: where the scale is no positive finite number, or num_bins no integer above 1 nor None.

    Example:
        >>> from tfp_flows.dequantization import Gaussian
        >>> y, log_q = Gaussian(12.8, num_bins=256)(tf.zeros([2, 5000], tf.int32), seed=[0, 1])
        >>> round(float(tf.math.reduce_std(y))), float(log_q)
        (13, 0.0)
    """

    is_bound = False

    def __init__(self, scale: float, num_bins: int | None = None):
        if isinstance(scale, bool) or not isinstance(scale, Real) or not 0 < scale < math.inf:
            raise ValueError(f"Expected scale to be a positive finite number; got {scale!r}.")
        if num_bins is None:
            self.num_bins = None
        else:
            super().__init__(num_bins)
        self.scale = float(scale)

    def __call__(
        self, x: ArrayLike, seed: ArrayLike, dtype: tf.DType | str = tf.float32
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Adds the noise.

        Args:
            x: tensor (batch, *event).
            seed: int32 tensor [2]; the noise is a function of it and of the shape.
            dtype: floating dtype of the result.

        Returns:
            y (batch, *event), and log_q in nats, a scalar.
        """
        middle = tf.cast(x, dtype) if self.num_bins is None else self.centre(x, dtype)
        noise = tf.random.stateless_normal(tf.shape(x), seed, dtype=dtype)
        return middle + tf.cast(self.scale, dtype) * noise, tf.zeros([], dtype)

    def quantize(self, y: tf.Tensor) -> tf.Tensor:
        """Continuous events back to integers, as of other noise; reals as they are."""
        return y if self.num_bins is None else super().quantize(y)

    def get_config(self) -> dict:
        return {"scale": self.scale, "num_bins": self.num_bins}
