"""A monotone spline of rational quadratic pieces on an interval, the identity outside: neural spline flows' transform.

With knots from (-bound, -bound) to (bound, bound) and slopes at the knots (1 at both ends), each piece as in
`rational_quadratic`:

    raw = (num_bins widths, num_bins heights, num_bins - 1 inner slopes)

Both directions are closed forms of the same cost. raw = 0 is the identity: equal bins, all slopes 1.
Durkan, Bekasov, Murray and Papamakarios, Neural spline flows, arXiv:1906.04032, section 3.1.
"""

from __future__ import annotations

import itertools
import math

import tensorflow as tf

from tfp_flows.numerics.tensors import is_positive_integer
from tfp_flows.transforms import rational_quadratic
from tfp_flows.transforms.transform import Transform

_MIN_SLOPE = 1e-3
# softplus(raw + _SLOPE_SHIFT) + _MIN_SLOPE is 1 at raw = 0.
_SLOPE_SHIFT = math.log(math.expm1(1 - _MIN_SLOPE))
# The least part of the interval that all bins together share alike, so that none vanishes.
_SHARED = 0.01


class RationalQuadraticSpline(Transform):
    """A monotone rational quadratic spline on [-bound, bound], the identity outside.

    Args:
        num_bins: int, pieces; 8 is the paper's for tables of data.
        bound: float > 0, in the units of the event; 3 holds 99.7 % of a standard normal.

    Raises:
        ValueError: where num_bins is no integer above 1, or the bound no positive finite number.

    Example:
        >>> from tfp_flows import transforms
        >>> spline = transforms.RationalQuadraticSpline(num_bins=4)
        >>> x, raw = tf.constant([-1.0, 0.5, 20.0]), tf.random.stateless_normal([3, spline.num_params], [0, 1])
        >>> z, log_det = spline.inverse_and_log_det(x, raw)
        >>> spline.forward_and_log_det(z, raw)[0].numpy().round(4).tolist()
        [-1.0, 0.5, 20.0]
    """

    size_argument = "num_bins"
    is_increasing = True

    def __init__(self, num_bins: int = 8, bound: float = 3.0):
        if not (is_positive_integer(num_bins) and num_bins > 1):
            raise ValueError(f"Expected num_bins to be an integer above 1; got {num_bins!r}.")
        if not (isinstance(bound, (int, float)) and 0 < bound < math.inf):
            raise ValueError(f"Expected bound to be a positive finite number; got {bound!r}.")
        self.num_bins = int(num_bins)
        self.bound = float(bound)
        self.num_params = 3 * self.num_bins - 1

    def forward_and_log_det(self, z: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_inside, z_in = self._inside(z)
        x, log_det = rational_quadratic.forward_and_log_det(z_in, *self._piece(z_in, raw, is_data=False))
        return tf.where(is_inside, x, z), tf.where(is_inside, log_det, 0)

    def inverse_and_log_det(self, x: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_inside, x_in = self._inside(x)
        z, log_det = rational_quadratic.inverse_and_log_det(x_in, *self._piece(x_in, raw, is_data=True))
        return tf.where(is_inside, z, x), tf.where(is_inside, log_det, 0)

    def _inside(self, x):
        # 0 takes the place of what is outside: a gradient that is not finite would come through tf.where.
        is_inside = tf.abs(x) < self.bound
        return is_inside, tf.where(is_inside, x, 0)

    def _piece(self, x, raw, is_data):
        """x_k, y_k, w, h, d, d_next of the piece that x, on the data or the latent side, falls into, each (..., n)."""
        K = self.num_bins
        # Split and not sliced: the gradient is one concatenation, and of slices a sum of arrays padded with zeros.
        w, h, slopes = tf.split(raw, [K, K, -1], axis=-1)
        w, h = self._sizes(w), self._sizes(h)
        # One by one: a cumulative sum along a last axis of eight takes as long as all else here.
        knots = itertools.accumulate(tf.unstack(w if is_data else h, num=K, axis=-1)[:-1])
        is_past = tf.stack([tf.cast(x >= knot - self.bound, x.dtype) for knot in knots], axis=-1)
        # Sums with a one-hot vector and not a gather, whose gradient is a scatter.
        before = tf.concat([is_past, tf.zeros_like(is_past[..., :1])], -1)
        here = tf.concat([tf.ones_like(is_past[..., :1]), is_past], -1) - before

        def take(values, of):
            return tf.reduce_sum(values * of, -1)

        x_k, y_k = take(w, before) - self.bound, take(h, before) - self.bound
        # Of the slopes the raw ones are chosen: two functions of them then, and not one of each.
        d, d_next = (_slope(take(slopes, of)) for of in self._ends(here))
        return x_k, y_k, take(w, here), take(h, here), d, d_next

    def _ends(self, here):
        """Where the raw slopes at both ends of the piece are; nowhere, which is slope 1, at the ends of the interval.

        Args:
            here: (..., n, num_bins), one-hot, the piece.

        Returns:
            pair of (..., n, number of slopes).
        """
        return here[..., 1:], here[..., :-1]

    def _sizes(self, raw):
        # The numbers first: each is a pass over all bins.
        length = 2 * self.bound
        return length * _SHARED / self.num_bins + length * (1 - _SHARED) * tf.nn.softmax(raw)


def _slope(raw):
    return _MIN_SLOPE + tf.nn.softplus(raw + _SLOPE_SHIFT)
