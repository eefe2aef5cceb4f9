"""A spline on a circle, for angles: a monotone map of [-pi, pi) to itself that closes, then a turn.

    forward:  x = wrap(f(z) + turn),   f the rational quadratic spline from (-pi, -pi) to (pi, pi) whose slopes at both
              ends are one and the same
    inverse:  z = f^-1(wrap(x - turn))
    raw = (num_bins widths, num_bins heights, num_bins slopes, turn)

The density goes round without a seam; the base wants to be one of angles too, uniform on the circle or von Mises.
Rezende et al., Normalizing flows on tori and spheres, arXiv:2002.02428, section 2.1.3.
"""

from __future__ import annotations

import math

import tensorflow as tf

from tfp_flows.transforms.spline import RationalQuadraticSpline


class CircularSpline(RationalQuadraticSpline):
    """A monotone rational quadratic spline of angles in [-pi, pi), with a turn.

    Angles beyond come back as those within that they are.

    Args:
        num_bins: int, pieces.

    Raises:
        ValueError: where num_bins is no integer above 1.

    Example:
        >>> from tfp_flows import transforms
        >>> spline = transforms.CircularSpline(num_bins=4)
        >>> raw = tf.random.stateless_normal([1, spline.num_params], [0, 1])
        >>> ends, slopes = spline.inverse_and_log_det(tf.constant([-math.pi, math.pi - 1e-6]), raw)
        >>> bool(abs(ends[1] - ends[0]) < 1e-4), bool(abs(slopes[1] - slopes[0]) < 1e-4)
        (True, True)
    """

    # A circle has no beginning that it could increase from.
    is_increasing = None

    def __init__(self, num_bins: int = 8):
        super().__init__(num_bins, math.pi)
        self.num_params = 3 * self.num_bins + 1

    def forward_and_log_det(self, z: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        raw, turn = self._turn(raw)
        x, log_det = super().forward_and_log_det(_wrap(z), raw)
        return _wrap(x + turn), log_det

    def inverse_and_log_det(self, x: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        raw, turn = self._turn(raw)
        return super().inverse_and_log_det(_wrap(x - turn), raw)

    def _turn(self, raw):
        """What the spline is made of, and the turn."""
        raw, turn = tf.split(raw, [3 * self.num_bins, 1], axis=-1)
        return raw, tf.squeeze(turn, -1)

    def _ends(self, here):
        # The last piece ends where the first begins.
        return here, tf.roll(here, 1, -1)

    def _inside(self, x):
        # The seam itself belongs to the spline.
        return tf.ones_like(x, tf.bool), tf.clip_by_value(x, -self.bound, self.bound)


def _wrap(angle):
    """Into [-pi, pi); what is there already stays to the last bit."""
    turns = tf.floor((angle + math.pi) / (2 * math.pi))
    return angle - 2 * math.pi * tf.stop_gradient(turns)
