"""Haar: a squeeze by the Haar wavelet, averages first and then what changes within each block of 2 x 2 pixels.

    inverse (data -> latent):  (height, width, c) -> (height / 2, width / 2, 4 c)
        averages      (a + b + c + d) / 2       of a block   a b
        across        (a - b + c - d) / 2                    c d
        down          (a + b - c - d) / 2
        diagonal      (a - b - c + d) / 2
    forward:  back                              log_det = 0, for the map is orthogonal

Channels come out as the averages of all channels, then their changes across, and so on: the first quarter is the image
at half the size, brighter by a factor of 2, which a multi-scale flow goes on with.
Haar, Mathematische Annalen 69 (1910); in flows Ardizzone et al., arXiv:1907.02392, section 3.3.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.squeeze import Squeeze
from tfp_flows.numerics.tensors import reshape_like

_WAVES = 0.5 * np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])


class Haar(Squeeze):
    """Trades height and width for channels, by averages and differences.

    Args:
        name: str or None.

    Raises:
        ValueError: when it meets images whose height and width (on the way back, whose channels) cannot be divided.

    Example:
        >>> from tfp_flows import bijectors
        >>> image = tf.reshape(tf.constant([5.0, 3.0, 5.0, 3.0]), [1, 2, 2, 1])
        >>> bijectors.Haar().inverse(image).numpy().ravel().tolist()
        [8.0, 2.0, 0.0, 0.0]
    """

    def __init__(self, name: str | None = None):
        super().__init__(2, "rows", name=name)

    def _forward_and_log_det(self, x):
        return super()._forward_and_log_det(self._mixed(x))

    def _inverse_and_log_det(self, y):
        x, log_det = super()._inverse_and_log_det(y)
        return self._mixed(x), log_det

    def _mixed(self, x):
        """The waves' matrix is its own inverse."""
        blocks = tf.reshape(x, tf.concat([tf.shape(x)[:-1], [4, tf.shape(x)[-1] // 4]], 0))
        mixed = tf.einsum("ij,...jc->...ic", tf.constant(_WAVES, x.dtype), blocks)
        return reshape_like(mixed, x)
