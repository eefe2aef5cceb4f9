"""Squeeze: space to depth, blocks of pixels become channels.

    inverse (data -> latent):  (height, width, channels) -> (height / f, width / f, f f channels)
    forward (latent -> data):  back
    log_det = 0

Channels come out block position by block position, c + channels (f dy + dx), as `tf.nn.space_to_depth`. With
order="checkerboard" the positions with even dy + dx come first, so that the first half of the channels is a
checkerboard of the pixels: what RealNVP keeps where it factors out the other half.
Dinh, Sohl-Dickstein and Bengio, RealNVP, arXiv:1605.08803, section 3.6 and figure 3.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.numerics.tensors import is_positive_integer, split_event_shape

_ORDERS = ("rows", "checkerboard")


class Squeeze(Bijector):
    """Trades height and width for channels.

    Args:
        factor: int >= 2, side of a block.
        order: "rows" (by row, then column, of the block) or "checkerboard".
        name: str or None.

    Raises:
        ValueError: where the factor is no integer above 1 or the order unknown; and, when it meets images, where their
            height and width (on the way back, their channels) cannot be divided.

    Example:
        >>> from tfp_flows import bijectors
        >>> image = tf.reshape(tf.range(4.0), [1, 2, 2, 1])
        >>> bijectors.Squeeze().inverse(image).numpy().ravel().tolist()
        [0.0, 1.0, 2.0, 3.0]
        >>> bijectors.Squeeze(order="checkerboard").inverse(image).numpy().ravel().tolist()
        [0.0, 3.0, 1.0, 2.0]
    """

    def __init__(self, factor: int = 2, order: str = "rows", name: str | None = None):
        if not is_positive_integer(factor) or factor < 2:
            raise ValueError(f"Expected factor to be an integer of at least 2; got {factor!r}.")
        if order not in _ORDERS:
            raise ValueError(f"Expected order to be one of {list(_ORDERS)}; got {order!r}.")
        super().__init__(3, dtype=None, is_constant_jacobian=True, name=name)
        self.factor = int(factor)
        self.order = order
        dy, dx = np.divmod(np.arange(self.factor**2), self.factor)
        self._positions = np.argsort((dy + dx) % 2, kind="stable") if order == "checkerboard" else None

    def _forward_and_log_det(self, x):
        self._forward_event_shape(x.shape[-3:])
        if self._positions is not None:
            x = self._reorder(x, np.argsort(self._positions))
        y = tf.nn.depth_to_space(_as_batch(x), self.factor)
        return _with_batch_of(x, y), tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        self._inverse_event_shape(y.shape[-3:])
        x = _with_batch_of(y, tf.nn.space_to_depth(_as_batch(y), self.factor))
        if self._positions is not None:
            x = self._reorder(x, self._positions)
        return x, tf.zeros([], y.dtype)

    def _reorder(self, x, positions):
        """Moves the blocks of channels, one for each position in a block of pixels."""
        blocks = tf.split(x, len(positions), axis=-1)
        return tf.concat([blocks[i] for i in positions], axis=-1)

    def _forward_event_shape(self, shape):
        leading, (height, width, channels) = self._image(shape)
        if channels is not None and channels % self.factor**2:
            raise ValueError(
                f"Expected a multiple of {self.factor**2} channels to undo a squeeze by {self.factor}; "
                f"got {channels} in shape {(height, width, channels)}."
            )
        f = self.factor
        return leading + [height and height * f, width and width * f, channels and channels // f**2]

    def _inverse_event_shape(self, shape):
        leading, (height, width, channels) = self._image(shape)
        if any(n is not None and n % self.factor for n in (height, width)):
            raise ValueError(
                f"Expected height and width that are multiples of {self.factor} to squeeze; "
                f"got {(height, width, channels)}."
            )
        f = self.factor
        return leading + [height and height // f, width and width // f, channels and channels * f**2]

    def _forward_event_shape_tensor(self, shape):
        f = self.factor
        return tf.concat([shape[:-3], shape[-3:-1] * f, shape[-1:] // f**2], axis=0)

    def _inverse_event_shape_tensor(self, shape):
        f = self.factor
        return tf.concat([shape[:-3], shape[-3:-1] // f, shape[-1:] * f**2], axis=0)

    def _image(self, shape):
        """The axes of an event before the image, and height, width and channels, each None where it is unknown."""
        leading, image = split_event_shape(shape, 3)
        if image is None:
            raise ValueError(f"Expected images (height, width, channels) in {self.name!r}; got shape {shape}.")
        return leading, image.as_list()


def _as_batch(x):
    """(..., height, width, channels) -> (rows, height, width, channels)"""
    return x if x.shape.rank == 4 else tf.reshape(x, tf.concat([[-1], tf.shape(x)[-3:]], axis=0))


def _with_batch_of(like, x):
    """(rows, *event) -> (..., *event), with the batch of `like`."""
    if like.shape.rank == 4:
        return x
    y = tf.reshape(x, tf.concat([tf.shape(like)[:-3], tf.shape(x)[1:]], axis=0))
    y.set_shape([*like.shape[:-3], *x.shape[1:]])
    return y
