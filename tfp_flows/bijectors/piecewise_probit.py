"""Piecewise probit: each interval of the data becomes a normal of its own on the latent side.

    inverse (data -> latent):  x = c_k + probit((y - edge_k) / (edge_k+1 - edge_k)),   y in interval k
                               c_k = spacing (k - (number of intervals - 1) / 2)
    forward (latent -> data):  back
    log_det = sum of the logarithms of the slopes

Why: dequantized data that sit on one level, the black background of MNIST, are flat on a bin and absent beside it. A
logit leaves the bin's edge sharp; a Gaussian that a coupling fits to such a density is 0.4 nats an element from it,
however sure the network is of the level. Here level and rest are two normals by construction, and a coupling has
only to tell which.

The probit is a rational quadratic spline through its quantiles, exact in value and slope at them, so that intervals
join in one smooth monotone map; outside the outermost quantiles, three standard deviations from the centres, it goes
on as a straight line and samples may leave the data's range a little. Both directions are cheap.
The splines: Durkan et al., arXiv:1906.04032, section 3.1. Data to normals by their distribution function: Chen and
Gopinath, Gaussianization, NIPS 2000, section 3.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.increasing import Increasing
from tfp_flows.numerics.tensors import floatx, reshape_like
from tfp_flows.transforms import rational_quadratic

# Of the standard normal, where splines meet it. Beyond them is 1 in 400 of an interval.
_STANDARD_SCORES = (-3.0, -2.3, -1.6, -1.0, -0.5, 0.0, 0.5, 1.0, 1.6, 2.3, 3.0)


class PiecewiseProbit(Increasing, Bijector):
    """Maps each interval of the data to a standard normal about a centre of its own.

    Args:
        edges: increasing sequence of at least two numbers, the intervals' ends: (0, 1, 256) for 8-bit pixels of which
            most are 0.
        spacing: float > 6, the distance of neighbouring centres.
        event_ndims: int, least rank of the events: 0, elementwise.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where the edges are not finite and increasing, or the spacing is too small for intervals to stay
            apart.

    Example:
        >>> from tfp_flows import bijectors
        >>> probit = bijectors.PiecewiseProbit((0, 1, 256), spacing=7.0)
        >>> probit.inverse(tf.constant([0.5, 128.5])).numpy().tolist()
        [-3.5, 3.5]
    """

    def __init__(
        self,
        edges: Sequence[float],
        spacing: float = 6.6,
        event_ndims: int = 0,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        edges = np.asarray(edges, np.float64)
        if edges.ndim != 1 or len(edges) < 2 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
            raise ValueError(f"Expected edges as at least two finite increasing numbers; got {edges.tolist()!r}.")
        if not 2 * _STANDARD_SCORES[-1] < spacing < math.inf:
            raise ValueError(f"Expected a spacing above {2 * _STANDARD_SCORES[-1]}; got {spacing!r}.")
        super().__init__(event_ndims, dtype=dtype, name=name)
        self.edges, self.spacing = tuple(edges.tolist()), float(spacing)
        normal, scores = statistics.NormalDist(), np.array(_STANDARD_SCORES)
        shares = np.array([normal.cdf(z) for z in _STANDARD_SCORES])
        slopes = 1 / np.array([normal.pdf(z) for z in _STANDARD_SCORES])
        widths = np.diff(edges)[:, np.newaxis]
        centres = spacing * (np.arange(len(widths)) - (len(widths) - 1) / 2)
        # Knots (data, latent, slope), flat; from the last of an interval to the first of the next goes a piece as well.
        self._knots = [
            (edges[:-1, np.newaxis] + widths * shares).ravel(),
            (centres[:, np.newaxis] + scores).ravel(),
            (slopes / widths).ravel(),
        ]

    def _forward_and_log_det(self, x):
        y, log_det = self._map(x, self._knots[1], self._knots[0], rational_quadratic.forward_and_log_det, -1)
        return y, self._sum(log_det)

    def _inverse_and_log_det(self, y):
        x, log_det = self._map(y, self._knots[0], self._knots[1], rational_quadratic.inverse_and_log_det, 1)
        return x, self._sum(log_det)

    def _map(self, values, source, target, piece, power):
        """Pieces between the knots, straight lines outside; slopes are dx/dy, to the power of -1 on the way back."""
        low, high = source[0], source[-1]
        data, latent, slopes = self._knots
        is_low, is_high = values < low, values > high
        # Inside in any case: a gradient that is not finite would come through tf.where.
        inside = tf.clip_by_value(values, tf.constant(low, values.dtype), tf.constant(high, values.dtype))
        inner = tf.constant(source[1:-1], values.dtype)
        k = reshape_like(tf.searchsorted(inner, tf.reshape(inside, [-1]), side="right"), inside)
        columns = (data[:-1], latent[:-1], np.diff(data), np.diff(latent), slopes[:-1], slopes[1:])
        table = tf.constant(np.stack(columns, axis=-1), values.dtype)
        result, log_det = piece(inside, *tf.unstack(tf.gather(table, k), axis=-1))
        for is_outside, i in ((is_low, 0), (is_high, -1)):
            line = target[i] + (values - source[i]) * slopes[i] ** power
            result = tf.where(is_outside, line, result)
            log_det = tf.where(is_outside, tf.constant(power * math.log(slopes[i]), values.dtype), log_det)
        return result, log_det

    def _sum(self, log_det):
        return tf.reduce_sum(log_det, list(range(-self.forward_min_event_ndims, 0)))
