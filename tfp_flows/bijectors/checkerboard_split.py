"""CheckerboardSplit: the black and the white pixels of a checkerboard side by side, as channels of half the width.

    inverse (data -> latent):  (height, width, channels) -> (height, width / 2, 2 channels)
    x[i, j] = (y[i, 2j], y[i, 2j + 1]) in even rows and (y[i, 2j + 1], y[i, 2j]) in odd ones          forward:  back
    log_det = 0

A coupling over halves of the channels is then one over a checkerboard, whose network sees half of the pixels and no
zeros between them. Ho, Chen, Srinivas, Duan and Abbeel, Flow++, arXiv:1902.00275, section 4 and its code.
"""

from __future__ import annotations

import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.numerics.tensors import split_event_shape


class CheckerboardSplit(Bijector):
    """Trades width for channels, the two colours of a checkerboard one after the other.

    Args:
        name: str or None.

    Raises:
        ValueError: when it meets images, where their width (on the way back, their channels) is odd.

    Example:
        >>> from tfp_flows import bijectors
        >>> image = tf.reshape(tf.range(4.0), [1, 2, 2, 1])
        >>> bijectors.CheckerboardSplit().inverse(image).numpy().reshape(2, 2).tolist()
        [[0.0, 1.0], [3.0, 2.0]]
    """

    def __init__(self, name: str | None = None):
        super().__init__(3, dtype=None, is_constant_jacobian=True, name=name)

    def _forward_and_log_det(self, x):
        shape = self._forward_event_shape(x.shape[-3:])
        channels = tf.shape(x)[-1] // 2
        return _swapped(x, channels, channels, shape), tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        shape = self._inverse_event_shape(y.shape[-3:])
        channels = tf.shape(y)[-1]
        return _swapped(y, channels, 2 * channels, shape), tf.zeros([], y.dtype)

    def _forward_event_shape(self, shape):
        leading, (height, width, channels) = self._image(shape)
        if channels is not None and channels % 2:
            raise ValueError(f"Expected an even number of channels to join; got {(height, width, channels)}.")
        return leading + [height, width and width * 2, channels and channels // 2]

    def _inverse_event_shape(self, shape):
        leading, (height, width, channels) = self._image(shape)
        if width is not None and width % 2:
            raise ValueError(f"Expected an even width to split as a checkerboard; got {(height, width, channels)}.")
        return leading + [height, width and width // 2, channels and channels * 2]

    def _forward_event_shape_tensor(self, shape):
        return tf.concat([shape[:-2], shape[-2:-1] * 2, shape[-1:] // 2], axis=0)

    def _inverse_event_shape_tensor(self, shape):
        return tf.concat([shape[:-2], shape[-2:-1] // 2, shape[-1:] * 2], axis=0)

    def _image(self, shape):
        leading, image = split_event_shape(shape, 3)
        if image is None:
            raise ValueError(f"Expected images (height, width, channels) in {self.name!r}; got shape {shape}.")
        return leading, image.as_list()


def _swapped(values, channels, last, event_shape):
    """Pairs of neighbours in a row, swapped in odd rows; of either shape, since both lie in memory alike.

    Args:
        values: tensor (..., height, width, channels).
        channels: int tensor, of a pixel of the image.
        last: int tensor, channels of the result.
        event_shape: list, of the result, as far as it is known.
    """
    batch, (height, width, given) = tf.shape(values)[:-3], tf.unstack(tf.shape(values)[-3:])
    pairs = tf.reshape(values, tf.concat([batch, tf.stack([height, -1, 2, channels])], axis=0))
    is_odd = tf.reshape(tf.range(height) % 2 == 1, [-1, 1, 1, 1])
    pairs = tf.where(is_odd, tf.reverse(pairs, [-2]), pairs)
    result = tf.reshape(pairs, tf.concat([batch, tf.stack([height, width * given // last, last])], axis=0))
    result.set_shape([*values.shape[:-3], *event_shape])
    return result
