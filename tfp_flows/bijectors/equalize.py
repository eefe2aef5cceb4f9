"""Histogram equalization: levels of integer data take room on the latent side in proportion to how common they are.

    inverse (data -> latent):  x = s_j + (y - j) W p_j,   y in level j = [j, j+1), s_j the sum of W p before it
    forward (latent -> data):  back
    log_det (inverse) = sum log(W p_j)

    p = 0.99 softmax(logits) + 0.01 / W over the W levels between two edges, which stay where they are

Why: pixels crowd on a few levels, a third of the ink of MNIST on the levels 252 and 253. Equalized, they are uniform,
and what follows has the density of one level given the others to learn and no spikes. Being elementwise it is exact
for the marginal density of dequantized data, which is constant on a level.
Both directions are cheap. One iteration's marginal step of Gaussianization: Chen and Gopinath, NIPS 2000, section 3;
trained together with the flow as in Meng, Song, Song and Ermon, Gaussianization flows, arXiv:2003.01941.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.increasing import Increasing
from tfp_flows.bijectors.initialization import InitializedOnce
from tfp_flows.numerics.tensors import as_tuple, floatx, is_positive_integer, reshape_like

# The share of each interval that its levels get however rare they are: slopes, and what is lost by rounding on the
# way back, stay bounded, and a level that the training data lack costs its event at most log(100 levels) nats.
_UNIFORM = 0.01


class Equalize(Increasing, InitializedOnce, Bijector):
    """Maps [0, num_bins] to itself, levels common in the data stretched and rare ones squeezed.

    The identity at first. Inside `tfp_flows.bijectors.initializing()` it sets itself, once, from the histogram of the
    batch that passes from data to latent; then the logits are trained as all weights are. Outside of [0, num_bins] it
    is the identity.

    Args:
        num_bins: int >= 2, levels of the data.
        edges: None, or increasing ints from 0 to num_bins that map to themselves: the intervals between them keep their
            sizes, and levels share the room of their interval.
        event_ndims: int, least rank of the events: 0, elementwise.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where num_bins or edges are not as above.

    Example:
        >>> from tfp_flows import bijectors
        >>> equalize = bijectors.Equalize(4)
        >>> with bijectors.initializing():
        ...     x = equalize.inverse(tf.constant([[0.5] * 5 + [1.5] + [2.5] + [3.5]]))
        >>> [round(float(x), 2) for x in equalize.inverse(tf.constant([0.0, 1.0, 2.0]))]
        [0.0, 1.99, 2.66]
    """

    def __init__(
        self,
        num_bins: int,
        edges: Sequence[int] | None = None,
        event_ndims: int = 0,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        if not is_positive_integer(num_bins) or num_bins < 2:
            raise ValueError(f"Expected num_bins to be an integer of at least 2; got {num_bins!r}.")
        self.edges = check_edges((0, num_bins) if edges is None else edges, num_bins)
        super().__init__(event_ndims, dtype=dtype, name=name)
        self.num_bins = int(num_bins)
        self.logits = tf.Variable(tf.zeros([self.num_bins], dtype), name="logits")
        self._await_initialization()

    def _forward_and_log_det(self, x):
        if self._is_due():
            # Base samples know nothing of the data's levels.
            self._initialize()
        starts, slopes = self._levels()
        k = tf.searchsorted(starts[1:], tf.reshape(tf.stop_gradient(x), [-1]), side="right")
        start, slope, level, is_outside = self._at(x, reshape_like(k, x), starts, slopes)
        y = x + (level - start) + (x - start) * (1 / slope - 1)
        return tf.where(is_outside, x, y), -self._log_det(slope, is_outside)

    def _inverse_and_log_det(self, y):
        if self._is_due():
            self._initialize(logits=self._logits_from(y))
        starts, slopes = self._levels()
        k = tf.clip_by_value(tf.cast(tf.floor(y), tf.int32), 0, self.num_bins - 1)
        start, slope, level, is_outside = self._at(y, k, starts, slopes)
        # y and a correction: nothing is lost to rounding where the map is the identity.
        x = y + (start - level) + (y - level) * (slope - 1)
        return tf.where(is_outside, y, x), self._log_det(slope, is_outside)

    def _levels(self):
        """Where each level starts on the latent side, and its slope there, (num_bins,) each."""
        starts, slopes = [], []
        for low, high in zip(self.edges[:-1], self.edges[1:]):
            share = tf.nn.softmax(self.logits[low:high])
            slope = (high - low) * (1 - _UNIFORM) * share + _UNIFORM
            starts.append(low + tf.cumsum(slope, exclusive=True))
            slopes.append(slope)
        return tf.concat(starts, 0), tf.concat(slopes, 0)

    def _at(self, values, k, starts, slopes):
        row = tf.gather(tf.stack([starts, slopes], axis=-1), k)
        is_outside = (values < 0) | (values > self.num_bins)
        return row[..., 0], row[..., 1], tf.cast(k, values.dtype), is_outside

    def _log_det(self, slope, is_outside):
        log_slope = tf.where(is_outside, tf.zeros_like(slope), tf.math.log(slope))
        return tf.reduce_sum(log_slope, list(range(-self.forward_min_event_ndims, 0)))

    def _logits_from(self, y):
        level = tf.cast(tf.floor(tf.reshape(y, [-1])), tf.int32)
        level = tf.boolean_mask(level, (level >= 0) & (level < self.num_bins))
        # One more than counted: a level that this batch happens to lack is rare, not impossible.
        return tf.math.log(1 + tf.math.bincount(level, minlength=self.num_bins, dtype=self.logits.dtype))


def check_edges(edges, num_bins):
    """Edges as a tuple of ints from 0 to num_bins.

    Raises:
        ValueError: where they are not increasing integers from 0 to num_bins.
    """
    edges = as_tuple(edges)
    if edges[:1] != (0,) or edges[-1] != num_bins:
        raise ValueError(f"Expected edges from 0 to num_bins={num_bins}; got {edges!r}.")
    if any(edge != int(edge) for edge in edges) or (np.diff(edges) <= 0).any():
        raise ValueError(f"Expected edges as increasing integers; got {edges!r}.")
    return tuple(int(edge) for edge in edges)
