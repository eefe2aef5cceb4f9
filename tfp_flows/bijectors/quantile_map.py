"""QuantileMap: each column of a table, by its own quantiles, to a standard normal. Nothing of it is trained.

    inverse:  u = (y - centre) exp(-log_unit)                centre the median, unit the interquartile range
              x = S(u)                                       between the outermost knots
              x = x_K + a log(1 + (u - u_K) s_K / a)         beyond the last one, and mirrored before the first
              a = s_K u_K, and at most x_K

S is the monotone rational quadratic spline through the knots (u_k, x_k), quantiles of the data and of the normal
distribution, its slope s_k the geometric mean of the neighbouring pieces'. The tails go on as a power law would, with
no jump in the density: a column of heavy tails is a normal one for the layers that follow. A column in which single
values come often is left as it is. Both directions are closed forms.
Spline: see `transforms.rational_quadratic`. Marginal Gaussianization: Chen and Gopinath, Gaussianization, NeurIPS 2000,
section 3; by splines through quantiles in Meng et al., Gaussianization flows, arXiv:2003.01941, section 3.2.
"""

import statistics

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.increasing import Increasing
from tfp_flows.bijectors.initialization import InitializedOnce
from tfp_flows.numerics.tensors import floatx, is_positive_integer, require_event_shape
from tfp_flows.transforms.rational_quadratic import log_slope, root

_NORMAL = statistics.NormalDist()
# Events beyond the outermost knots, on either side.
_BEYOND = 5
# A piece for each so many events, so that its slope is known to a fifth.
_EVENTS_A_PIECE = 20
# The share of one value from which a column has no density to map.
_LARGEST_SHARE = 0.01
# Nats an event that the map is to be better by on held-out events, to be chosen.
_LEAST_GAIN = 0.01
# So far beyond the last knot samples of the highest temperature are still finite in float32.
_FARTHEST = 60.0


class QuantileMap(Increasing, InitializedOnce, Bijector):
    """Fixed marginal map to normal columns, by quantiles of the data.

    The identity at first. `Flow.fit` sets it, where it stands first in the flow's bijector or behind a `Standardize`
    that does, from a sample of the training data; inside `tfp_flows.bijectors.initializing()` it sets itself, once,
    from the batch that passes towards the latent.

    Args:
        num_columns: int, size of the last axis of the event.
        is_chosen: bool, whether each column is mapped only where that suits events which were held out better than a
            normal distribution of the column as it is.
        num_knots: int, at least 3.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where num_columns is no positive integer or num_knots below 3.

    Example:
        >>> import numpy as np
        >>> from tfp_flows import bijectors
        >>> quantiles = bijectors.QuantileMap(1)
        >>> y = np.exp(2 * np.random.default_rng(0).normal(size=(4000, 1))).astype("float32")
        >>> with bijectors.initializing():
        ...     z = quantiles.inverse(y)
        >>> bool(abs(z.numpy().mean()) < 0.01), bool(abs(z.numpy().std() - 1) < 0.01)
        (True, True)
    """

    _flag = "measured"

    def __init__(
        self,
        num_columns: int,
        is_chosen: bool = False,
        num_knots: int = 33,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        if not is_positive_integer(num_columns):
            raise ValueError(f"Expected num_columns to be a positive integer; got {num_columns!r}.")
        if not is_positive_integer(num_knots) or num_knots < 3:
            raise ValueError(f"Expected num_knots to be an integer of at least 3; got {num_knots!r}.")
        super().__init__(1, dtype=dtype, name=name)
        self.num_columns = num_columns
        self.is_chosen = is_chosen
        knots = np.tile(np.linspace(-3.0, 3.0, num_knots), (num_columns, 1))
        ones = np.ones(num_columns)
        for key, value in dict(
            centre=0 * ones, log_unit=0 * ones, knots=knots, levels=knots, log_slopes=0 * knots, is_mapped=0 * ones
        ).items():
            setattr(self, key, tf.Variable(tf.constant(value, dtype), trainable=False, name=key))
        self._await_initialization()

    def measure(self, values: ArrayLike, seed: int = 0) -> None:
        """Takes the quantiles of events (n, num_columns), once.

        Raises:
            ValueError: where they are not finite.
        """
        values = self._finite(values, [self.num_columns]).astype(np.float64)
        random = np.random.default_rng(seed)
        num_knots = self.knots.shape[1]
        found = [_fit(column, num_knots) for column in values.T]
        if self.is_chosen:
            order = random.permutation(len(values))
            fitted, held_out = values[order[len(order) // 4 :]], values[order[: len(order) // 4]]
            gains = [_gain(*pair, num_knots) for pair in zip(fitted.T, held_out.T)]
            found = [one if gain > _LEAST_GAIN else None for one, gain in zip(found, gains)]
        rest = np.linspace(-3.0, 3.0, num_knots)
        rest = (0.0, 0.0, rest, rest, np.zeros(num_knots))
        columns = [np.stack(parts) for parts in zip(*(rest if one is None else one for one in found))]
        names = ("centre", "log_unit", "knots", "levels", "log_slopes")
        self._initialize(
            **{key: tf.constant(value, self.dtype) for key, value in zip(names, columns)},
            is_mapped=tf.constant([float(one is not None) for one in found], self.dtype),
        )

    def _forward_and_log_det(self, x):
        self._require_shape(x)
        if self._is_due():
            # Samples say nothing of the data.
            self._initialize(is_mapped=tf.convert_to_tensor(self.is_mapped))
        piece = self._pieces(x, self.levels)
        inside = tf.clip_by_value(x, self.levels[:, 0], self.levels[:, -1])
        u, log_slope = _from_latent(inside, *piece)
        for end, sign in ((0, -1.0), (-1, 1.0)):
            beyond = tf.maximum(sign * (x - self.levels[:, end]), 0)
            reach, slope = self._tail(end, sign)
            power = tf.minimum(beyond / reach, _FARTHEST)
            u += sign * reach / slope * tf.math.expm1(power)
            log_slope -= power
        y = u * tf.exp(self.log_unit) + self.centre
        log_det = self.log_unit - log_slope
        is_mapped = self.is_mapped > 0
        return tf.where(is_mapped, y, x), tf.reduce_sum(tf.where(is_mapped, log_det, 0), -1)

    def _inverse_and_log_det(self, y):
        self._require_shape(y)
        if self._is_due():
            self.measure(y)
        u = (y - self.centre) * tf.exp(-self.log_unit)
        piece = self._pieces(u, self.knots)
        inside = tf.clip_by_value(u, self.knots[:, 0], self.knots[:, -1])
        x, log_slope = _to_latent(inside, *piece)
        for end, sign in ((0, -1.0), (-1, 1.0)):
            beyond = tf.maximum(sign * (u - self.knots[:, end]), 0)
            reach, slope = self._tail(end, sign)
            power = tf.math.log1p(beyond * slope / reach)
            x += sign * reach * power
            log_slope -= power
        log_det = log_slope - self.log_unit
        is_mapped = self.is_mapped > 0
        return tf.where(is_mapped, x, y), tf.reduce_sum(tf.where(is_mapped, log_det, 0), -1)

    def _require_shape(self, values):
        require_event_shape(values, (self.num_columns,), f"the last axis of {self.name!r}")

    def _tail(self, end, sign):
        """How far the latent goes for a factor of e, and the slope at the outermost knot, of each column."""
        slope = tf.exp(self.log_slopes[:, end])
        # At most that of a normal tail: where the data end, slopes are steep, and what lies beyond is to stay in reach.
        # A small least one, for the outermost knot may lie next to the median.
        most = tf.abs(self.levels[:, end])
        return tf.clip_by_value(slope * sign * self.knots[:, end], 0.1, most), slope

    def _pieces(self, values, knots):
        """u_k, x_k, width, height and the slopes at both ends of the piece that each value lies in."""
        inner = tf.convert_to_tensor(knots)[:, 1:-1]
        k = tf.reduce_sum(tf.cast(values[..., tf.newaxis] >= inner, tf.int32), -1)
        u, x, slope = tf.convert_to_tensor(self.knots), tf.convert_to_tensor(self.levels), tf.exp(self.log_slopes)
        table = tf.stack(
            [u[:, :-1], x[:, :-1], u[:, 1:] - u[:, :-1], x[:, 1:] - x[:, :-1], slope[:, :-1], slope[:, 1:]], -1
        )
        num_pieces = table.shape[1]
        index = k + num_pieces * tf.range(self.num_columns)
        return tf.unstack(tf.gather(tf.reshape(table, [-1, 6]), index), axis=-1)


# As `transforms.rational_quadratic`, but relative to the piece: these are not about the identity, and far out wide.
def _to_latent(u, u_k, x_k, w, h, d, d_next):
    t, s = tf.clip_by_value((u - u_k) / w, 0, 1), h / w
    q = s + (d + d_next - 2 * s) * t * (1 - t)
    return x_k + h * t * (s * t + d * (1 - t)) / q, log_slope(t, 1 - t, s, d, d_next)


def _from_latent(x, u_k, x_k, w, h, d, d_next):
    s = h / w
    t, rest = root(x - x_k, h, s, d, d_next)
    return u_k + w * t, log_slope(t, rest, s, d, d_next)


def _fit(column, num_knots):
    """centre, log_unit, knots, levels and log_slopes of a column; None where it has no density to map."""
    ordered = np.sort(column)
    centre, unit = np.median(ordered), np.subtract(*np.quantile(ordered, [0.75, 0.25]))
    often = np.unique(ordered, return_counts=True)[1].max() > max(1, _LARGEST_SHARE * len(ordered))
    if often or not unit > 0 or len(ordered) < 4 * _BEYOND:
        return None
    far = -_NORMAL.inv_cdf(_BEYOND / len(ordered)) if len(ordered) > 4 * _BEYOND else 0.7
    coarse = np.linspace(-far, far, int(np.clip(len(ordered) // _EVENTS_A_PIECE, 3, num_knots)))
    quantiles = np.quantile((ordered - centre) / unit, [_NORMAL.cdf(level) for level in coarse])
    levels = np.linspace(-far, far, num_knots)
    knots = np.interp(levels, coarse, quantiles)
    widths = np.diff(knots)
    if not (widths > 1e-6 * np.abs(knots[1:])).all():
        return None
    log_slopes = np.log(np.diff(levels) / widths)
    inner = (log_slopes[1:] + log_slopes[:-1]) / 2
    return centre, np.log(unit), knots, levels, np.concatenate([log_slopes[:1], inner, log_slopes[-1:]])


def _gain(fitted, held_out, num_knots):
    """Nats an event by which the map of one sample suits another better than the first one's mean and deviation."""
    found = _fit(fitted, num_knots)
    if found is None:
        return -np.inf
    one = QuantileMap(1, num_knots=num_knots, dtype="float64")
    one.measure(fitted[:, np.newaxis])
    z, log_det = one._inverse_and_log_det(tf.constant(held_out[:, np.newaxis]))
    mapped = np.mean(log_det.numpy() - 0.5 * z.numpy()[:, 0] ** 2)
    straight = np.mean(-0.5 * ((held_out - fitted.mean()) / fitted.std()) ** 2) - np.log(fitted.std())
    return mapped - straight
