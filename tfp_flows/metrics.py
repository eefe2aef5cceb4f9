"""Metrics of a density: negative log-likelihood in nats, and bits per dimension for integer data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    import tensorflow as tf


def bits_per_dim(nll: float, num_dimensions: int) -> float:
    """nll / (D ln 2): nats per event -> bits per dimension, for integer data with bins of width 1.

    Args:
        nll: float or array, nats per event.
        num_dimensions: int, elements of one event.

    Example:
        >>> from tfp_flows.metrics import bits_per_dim
        >>> round(bits_per_dim(784 * math.log(256), 784), 6)
        8.0
    """
    return nll / (num_dimensions * math.log(2))


@keras.saving.register_keras_serializable(package="tfp_flows")
class BitsPerDim(keras.metrics.Mean):
    """The mean negative log-likelihood, taken in nats per event and given as bits per dimension.

    Args:
        num_dimensions: int, elements of one event.
        name: str.
    """

    def __init__(self, num_dimensions: int, name: str = "bits_per_dim", dtype: str | None = None):
        super().__init__(name=name, dtype=dtype)
        self.num_dimensions = num_dimensions

    def result(self) -> tf.Tensor:
        return bits_per_dim(super().result(), self.num_dimensions)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_dimensions": self.num_dimensions}
