"""What every dequantization knows: its bins, of width 1, at 0, 1, ..., num_bins - 1."""

from __future__ import annotations

import tensorflow as tf
from numpy.typing import ArrayLike


class Bins:
    """The way from integers to the middle of their bins, and from anywhere in a bin back to the integer.

    Args:
        num_bins: int >= 2, the number of levels of the data.

    Raises:
        ValueError: where num_bins is no integer above 1.
    """

    # Whether the density of noisy events bounds the probability of integers: noise that stays within their bins.
    is_bound = True

    def __init__(self, num_bins: int):
        if isinstance(num_bins, bool) or not isinstance(num_bins, int) or num_bins < 2:
            raise ValueError(f"Expected num_bins to be an integer of at least 2; got {num_bins!r}.")
        self.num_bins = num_bins

    def centre(self, x: ArrayLike, dtype: tf.DType | str = tf.float32) -> tf.Tensor:
        """The middle of each bin, x + 1/2: where a density scores integers without noise."""
        return tf.cast(x, dtype) + tf.constant(0.5, dtype)

    def quantize(self, y: tf.Tensor) -> tf.Tensor:
        """Continuous events back to integers: floor, clipped to 0..num_bins-1, int32 (int64 beyond 2^31)."""
        dtype = tf.int32 if self.num_bins <= 2**31 else tf.int64
        return tf.cast(tf.clip_by_value(tf.floor(y), 0, self.num_bins - 1), dtype)


def is_bound(dequantization: object) -> bool:
    """Whether the density of what a flow adds noise to is one of the data, or bounds their probability.

    Args:
        dequantization: as `tfp_flows.Flow` takes it, or None.

    Example:
        >>> from tfp_flows.dequantization import Gaussian, Uniform, is_bound
        >>> [is_bound(dequantization) for dequantization in (None, Uniform(17), Gaussian(1.0, 17))]
        [True, True, False]
    """
    return getattr(dequantization, "is_bound", True)
