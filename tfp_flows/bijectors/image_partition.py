"""How a coupling of images takes an event apart by its mask, for a network that wants to see an image.

    channels        the same at every pixel: two images, of the channels that pass and of those that are moved
    checkerboard    every other pixel of a row: the network sees zeros where pixels are moved and returns parameters
                    for all; the moved half, (height, width / 2, channels), is picked by comparing, never gathered
    any other       as the checkerboard, but the transform works on all pixels and is thrown away where they pass

The first two compute the transform for nothing that passes.
"""

import numpy as np
import tensorflow as tf

from tfp_flows import masks
from tfp_flows.numerics.tensors import permute, require_event_shape, reshape_like, with_event_shape


class ImagePartition:
    """Splits events (..., height, width, channels) into what the network sees and what is moved.

    Args:
        mask: bool array (height, width, channels), True passes.

    Raises:
        ValueError: where the mask is no image's.
    """

    what = "a pixel"

    def __init__(self, mask):
        self.mask = masks.check(mask)
        if self.mask.ndim != 3:
            raise ValueError(
                "Expected a mask (height, width, channels) for a conditioner that takes images; "
                f"got shape {self.mask.shape}."
            )
        height, width, channels = self.mask.shape
        by_channel = self.mask[0, 0]
        self.kind = "any"
        self.passed_shape = self.moved_shape = self.mask.shape
        if (self.mask == by_channel).all():
            self.kind = "channels"
            self._order = np.argsort(~by_channel, kind="stable")
            self._sizes = [int(by_channel.sum()), int((~by_channel).sum())]
            self._passed_first = bool((np.diff(self._order) == 1).all())
            self._moved_first = bool((np.diff(np.roll(self._order, -self._sizes[0])) == 1).all())
            self.passed_shape, self.moved_shape = ((height, width, n) for n in self._sizes)
        elif width % 2 == 0 and any(np.array_equal(self.mask, m) for m in _checkerboards(self.mask.shape)):
            self.kind = "checkerboard"
            self.moved_shape = (height, width // 2, channels)
            # (height, 1, 1): whether the row's first pixel passes.
            self._first_passes = self.mask[:, :1, :1]

    def split(self, event):
        """(..., *event) -> passed (..., *passed_shape), moved (..., *moved_shape)."""
        require_event_shape(event, self.mask.shape, "a coupling with this mask")
        event = with_event_shape(event, self.mask.shape)
        if self.kind == "channels":
            return self._split_channels(event)
        passed = tf.where(self.mask, event, tf.zeros([], event.dtype))
        return passed, self._pick(event) if self.kind == "checkerboard" else event

    def num_outputs(self, num_params):
        """What the network returns on its last axis: the parameters of the channels that move."""
        return masks.num_moved_channels(self.mask) * num_params

    def parameters(self, output, num_params):
        """The network's output (rows, height, width, n * num_params) -> (rows, *moved_shape, num_params)."""
        if self.kind == "checkerboard":
            output = self._pick(output)
        return tf.reshape(output, [-1, *self.moved_shape, num_params])

    def join(self, passed, moved, like):
        """Back to an event; `like` is the event that was split."""
        if self.kind == "channels":
            return self._join_channels(passed, moved)
        if self.kind == "any":
            return tf.where(self.mask, like, moved)
        first, second = self._pairs(with_event_shape(like, self.mask.shape))
        pairs = [tf.where(self._first_passes, first, moved), tf.where(self._first_passes, moved, second)]
        return reshape_like(tf.stack(pairs, axis=-2), like)

    def moved_only(self, log_det):
        """log_det (..., *moved_shape) with zeros where nothing moves."""
        return tf.where(self.mask, tf.zeros([], log_det.dtype), log_det) if self.kind == "any" else log_det

    def _split_channels(self, event):
        if self._passed_first:
            return tuple(tf.split(event, self._sizes, axis=-1))
        if self._moved_first:
            return tuple(reversed(tf.split(event, self._sizes[::-1], axis=-1)))
        return tuple(tf.split(permute(event, self._order), self._sizes, axis=-1))

    def _join_channels(self, passed, moved):
        if self._moved_first:
            return tf.concat([moved, passed], axis=-1)
        event = tf.concat([passed, moved], axis=-1)
        return event if self._passed_first else permute(event, np.argsort(self._order))

    def _pairs(self, image):
        """(..., height, width, n) -> the first and the second of each two neighbours, (..., height, width / 2, n)."""
        shape = tf.shape(image)
        width, n = self.mask.shape[1] // 2, image.shape[-1]
        pairs = tf.reshape(image, tf.concat([shape[:-2], [width, 2, n]], axis=0))
        return pairs[..., 0, :], pairs[..., 1, :]

    def _pick(self, image):
        """(..., height, width, n) -> (..., height, width / 2, n): the pixels that are moved."""
        first, second = self._pairs(image)
        return tf.where(self._first_passes, second, first)


def _checkerboards(shape):
    mask = masks.checkerboard(shape)
    return mask, ~mask
