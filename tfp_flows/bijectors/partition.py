"""How a coupling takes an event apart by its mask and puts it together again.

Slices where the mask is a half or every other feature, a permutation and a slice for any other mask: never a
multiplication by zeros, so that the network sees only what it needs and nothing is computed to be thrown away.
"""

import numpy as np
import tensorflow as tf

from tfp_flows import masks
from tfp_flows.numerics.tensors import permute, require_event_shape, reshape_like


class Partition:
    """Splits events (..., *mask.shape) into what passes and what is moved, both flat: (..., n_passed), (..., n_moved).

    Args:
        mask: bool array of the event's shape, True passes.
    """

    what = "an event"

    def __init__(self, mask):
        self.mask = masks.check(mask)
        flat = self.mask.reshape(-1)
        self.num_passed = int(flat.sum())
        self.num_moved = int(flat.size - flat.sum())
        runs = np.flatnonzero(np.diff(flat)).size
        self._halves = runs == 1
        self._stripes = runs == flat.size - 1
        self._passed_first = bool(flat[0])
        self._order = np.argsort(~flat, kind="stable")
        self.passed_shape, self.moved_shape = (self.num_passed,), (self.num_moved,)

    def num_outputs(self, num_params):
        """What the conditioner returns on its last axis: every element's parameters."""
        return self.num_moved * num_params

    def parameters(self, output, num_params):
        """The conditioner's output (rows, num_moved * num_params) -> (rows, num_moved, num_params)."""
        return tf.reshape(output, [-1, self.num_moved, num_params])

    def split(self, event):
        """(..., *event) -> passed (..., n_passed), moved (..., n_moved)."""
        require_event_shape(event, self.mask.shape, "a coupling with this mask")
        flat = self._flat(event)
        if self._halves:
            sizes = [self.num_passed, self.num_moved] if self._passed_first else [self.num_moved, self.num_passed]
            first, second = tf.split(flat, sizes, axis=-1)
        elif self._stripes:
            first, second = flat[..., 0::2], flat[..., 1::2]
        else:
            return tuple(tf.split(permute(flat, self._order), [self.num_passed, self.num_moved], axis=-1))
        return (first, second) if self._passed_first else (second, first)

    def join(self, passed, moved, like):
        """passed (..., n_passed), moved (..., n_moved) -> an event of the shape of `like`."""
        first, second = (passed, moved) if self._passed_first else (moved, passed)
        if self._halves:
            flat = tf.concat([first, second], axis=-1)
        elif self._stripes:
            flat = _interleave(first, second, self.mask.size)
        else:
            flat = permute(tf.concat([passed, moved], axis=-1), np.argsort(self._order))
        if self.mask.ndim == 1:
            return flat
        return reshape_like(flat, like)

    def moved_only(self, log_det):
        """log_det (..., n_moved), nothing of which passes."""
        return log_det

    def _flat(self, event):
        if self.mask.ndim == 1:
            return event
        batch = tf.shape(event)[: -self.mask.ndim]
        return tf.reshape(event, tf.concat([batch, [self.mask.size]], axis=0))


def _interleave(first, second, size):
    """first 0, second 0, first 1, second 1, ... (..., size); first is longer by one where size is odd."""
    n = size // 2
    pairs = tf.stack([first[..., :n], second], axis=-1)
    flat = tf.reshape(pairs, tf.concat([tf.shape(second)[:-1], [2 * n]], axis=0))
    return flat if size % 2 == 0 else tf.concat([flat, first[..., n:]], axis=-1)
