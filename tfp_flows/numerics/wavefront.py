"""The order in which the pixels of an image are worked off where each waits for those before it in raster order.

Of what a k x k kernel sees, the last to be ready is the pixel k // 2 further to the right in the row above. So rows go
on at the same time, each so many steps behind the one above it:

    pixel (i, j) at step slope i + j,   slope = k // 2 + 1           width + slope (height - 1) steps in all

instead of width times height. Rows are held in slots, row i in slot i mod num_slots: when a row is done the next one
takes its slot. A column is what all slots have at a step: (batch, num_slots, channels).

A raster kernel is the part of a k x k kernel that sees nothing after its centre: (k // 2 + 1, k, channels, outputs),
with zeros in its last row after the centre.
"""

import numpy as np
import tensorflow as tf


class Wavefront:
    """The steps, slots and neighbours of images of one size.

    Args:
        height, width: ints, of the images.
        reach: int, k // 2 of the largest kernel.

    Attributes:
        num_steps, num_slots: ints.
        lags: int, columns back that the furthest neighbour lies.

    Example:
        >>> from tfp_flows.numerics.wavefront import Wavefront
        >>> front = Wavefront(28, 28, reach=1)
        >>> front.num_steps, front.num_slots, front.lags
        (82, 14, 3)
    """

    def __init__(self, height, width, reach):
        self.height, self.width, self.reach = height, width, reach
        slope = self.slope = reach + 1
        self.num_steps = width + slope * (height - 1)
        self.num_slots = min(height, -(-width // slope))
        self.lags = slope * reach + reach
        steps = np.arange(self.num_steps)[:, np.newaxis]
        slots = np.arange(self.num_slots)
        # The row of a slot: the last one that has begun.
        turn = np.maximum(steps - slope * slots, 0) // (slope * self.num_slots)
        turn = np.minimum(turn, (height - 1 - slots) // self.num_slots)
        self._rows = slots + self.num_slots * turn  # (num_steps, num_slots)
        self._columns = steps - slope * self._rows
        self._is_busy = self._is_inside(self._rows, self._columns)
        self._pixels = np.where(self._is_busy, self._rows * width + self._columns, height * width)

    def taps(self, reach):
        """(rows up, columns to the right) of the pixels before the centre that a kernel sees, in raster order."""
        above = [(a, b) for a in range(reach, 0, -1) for b in range(-reach, reach + 1)]
        return above + [(0, b) for b in range(-reach, 0)]

    def columns(self, image):
        """(batch, height, width, channels) -> (num_steps, batch, num_slots, channels); idle slots hold zeros."""
        batch, channels = tf.shape(image)[0], image.shape[-1]
        pixels = tf.reshape(image, [batch, self.height * self.width, channels])
        pixels = tf.gather(tf.pad(pixels, [[0, 0], [0, 1], [0, 0]]), self._pixels.ravel(), axis=1)
        return tf.transpose(tf.reshape(pixels, [batch, self.num_steps, self.num_slots, channels]), [1, 0, 2, 3])

    def image(self, columns):
        """`columns` the other way round."""
        batch, channels = tf.shape(columns)[1], columns.shape[-1]
        i, j = np.divmod(np.arange(self.height * self.width), self.width)
        places = (self.slope * i + j) * self.num_slots + i % self.num_slots
        flat = tf.reshape(tf.transpose(columns, [1, 0, 2, 3]), [batch, self.num_steps * self.num_slots, channels])
        return tf.reshape(tf.gather(flat, places, axis=1), [batch, self.height, self.width, channels])

    def is_seen(self, reach):
        """(num_steps, num_slots, taps, 1), bool: which neighbours lie in the image; the others count as zeros."""
        seen = [self._is_busy & self._is_inside(self._rows - a, self._columns + b) for a, b in self.taps(reach)]
        return np.stack(seen, axis=-1)[..., np.newaxis]

    def neighbours(self, history, seen, reach):
        """What a kernel sees before the centre: (batch, num_slots, taps * channels).

        Args:
            history: tensor (lags, batch, num_slots, channels), the last columns, the latest first.
            seen: tensor (num_slots, taps, 1), the step's part of `is_seen`.
            reach: int, k // 2 of the kernel.
        """
        # The row above is in the slot before.
        found = [tf.roll(history[self.slope * a - b - 1], a, axis=1) for a, b in self.taps(reach)]
        found = tf.stack(found, axis=2) * seen
        return tf.reshape(found, [*tf.unstack(tf.shape(found)[:2]), found.shape[2] * found.shape[3]])

    def start(self, batch, channels, dtype):
        """A history of zeros."""
        return tf.zeros([self.lags, batch, self.num_slots, channels], dtype)

    def push(self, history, column):
        """The history with one column more, and without its oldest."""
        return tf.concat([column[tf.newaxis], history[:-1]], axis=0)

    def _is_inside(self, rows, columns):
        return (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)


def raster_mask(reach, centre):
    """The mask of a raster kernel: (reach + 1, k, channels, outputs), 1 where it is free.

    Args:
        reach: int, k // 2.
        centre: array (channels, outputs), the mask of the centre.

    Example:
        >>> from tfp_flows.numerics import wavefront
        >>> wavefront.raster_mask(1, np.zeros([1, 1]))[..., 0, 0].tolist()
        [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
    """
    mask = np.ones([reach + 1, 2 * reach + 1, *np.shape(centre)])
    mask[reach, reach:] = 0
    mask[reach, reach] = centre
    return mask


def convolve(image, kernel):
    """A convolution by a raster kernel: (batch, height, width, channels) -> (batch, height, width, outputs)."""
    reach = kernel.shape[0] - 1
    return tf.nn.conv2d(image, kernel, 1, padding=[[0, 0], [reach, 0], [reach, reach], [0, 0]])


def parts(kernel):
    """A raster kernel in two: what comes before the centre, (taps * channels, outputs), and it, (channels, outputs)."""
    reach, _, channels, outputs = kernel.shape[0] - 1, *kernel.shape[1:]
    rows = tf.reshape(kernel, [-1, channels, outputs])
    centre = reach * (2 * reach + 1) + reach
    return tf.reshape(rows[:centre], [-1, outputs]), rows[centre]
