"""MarginalGaussianization: each element by a mixture of logistics of its own to a standard normal, trained.

    inverse:  u = (y - centre) exp(-log_unit),   x = probit(F(u)),   F the distribution function of the mixture
    forward:  u = F^-1(Phi(x)),                  y = u exp(log_unit) + centre
    log_det = sum over elements

Begins as a kernel estimate of the data: components of equal weights at their quantiles, each as wide as the gap to its
neighbours times a factor, of a few the one that suits held-out events best, the outermost ones as wide as the tails.
Data -> latent is explicit, the other way searches a root. See `transforms.MixtureProbit`.
Meng, Song, Song and Ermon, Gaussianization flows, arXiv:2003.01941, sections 3.2 and 4.1.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bijectors.elementwise import Elementwise
from tfp_flows.bijectors.initialization import InitializedOnce, mean_and_log_std
from tfp_flows.transforms import MixtureProbit

# Widths of the kernels in gaps between them, and the least one in standard units.
_FACTORS, _LEAST = (0.3, 0.5, 0.8, 1.3, 2.0, 3.2), 1e-3
# Events that the factor is chosen by.
_TRIED = 1024


class MarginalGaussianization(InitializedOnce, Elementwise):
    """An elementwise map to normal marginals that sets itself from data, once, and is trained from there.

    Near the identity at first. `Flow.fit`, or `tfp_flows.bijectors.initializing()`, sets it from the events that pass
    towards the latent. Samples say nothing of the data: in the other direction it stays as it is.

    Args:
        event_shape: tuple of ints.
        num_components: int > 1, of each mixture.
        is_trained: bool, whether an optimizer changes it afterwards.
        num_events: int, events to be set from, where there are as many.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where a number is no positive integer or the shape none of positive ones; when it is set, where data
            are not finite.

    Example:
        >>> import numpy as np
        >>> from tfp_flows import bijectors
        >>> layer = bijectors.MarginalGaussianization((1,), num_components=16)
        >>> y = np.random.default_rng(0).exponential(size=(4000, 1)).astype("float32")
        >>> with bijectors.initializing():
        ...     x = layer.inverse(y).numpy()
        >>> bool(abs(x.mean()) < 0.05), bool(abs(x.std() - 1) < 0.05)
        (True, True)
    """

    def __init__(
        self,
        event_shape: int | tuple[int, ...],
        num_components: int = 16,
        is_trained: bool = True,
        num_events: int = 4096,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        super().__init__(MixtureProbit(num_components), event_shape, dtype=dtype, name=name)
        if not is_trained:
            self.raw = tf.Variable(self.raw, trainable=False, name="raw")
        for key in ("centre", "log_unit"):
            setattr(self, key, tf.Variable(tf.zeros(self.raw.shape[:-1], self.dtype), trainable=False, name=key))
        self._await_initialization(num_events)

    def measure(self, values: ArrayLike) -> None:
        """Takes the quantiles of events (n, *event_shape), once.

        Raises:
            ValueError: where they are not finite.
        """
        values = self._finite(values, self.raw.shape[:-1])
        centre, log_unit = (statistic.numpy() for statistic in mean_and_log_std(tf.constant(values), [0]))
        units = (values.astype(np.float64) - centre) * np.exp(-log_unit)
        # The factor by events that the kernels were not laid on; then by all of them.
        held_out = units[1::2][:_TRIED] if len(units) > 1 else units
        halves = self._kernels(units[::2], _FACTORS)
        given = [self.transform.inverse_and_log_det(tf.constant(held_out), tf.constant(raw)) for raw in halves]
        best = np.argmax([np.mean(log_det - z**2 / 2, 0) for z, log_det in given], 0)
        raw = self._kernels(units, [np.array(_FACTORS)[best][..., np.newaxis]])[0]
        self._initialize(
            centre=tf.constant(centre, self.dtype),
            log_unit=tf.constant(log_unit, self.dtype),
            raw=tf.constant(raw, self.dtype),
        )

    def _forward_and_log_det(self, x):
        if self._is_due():
            self.take_as_it_is()
        u, log_det = super()._forward_and_log_det(x)
        return u * tf.exp(self.log_unit) + self.centre, log_det + tf.reduce_sum(self.log_unit)

    def _inverse_and_log_det(self, y):
        self._require_shape(y)
        if self._is_due():
            self.measure(y)
        x, log_det = super()._inverse_and_log_det((y - self.centre) * tf.exp(-self.log_unit))
        return x, log_det - tf.reduce_sum(self.log_unit)

    def _kernels(self, units, factors):
        """Parameters (*event, num_params) for each factor of the gaps between quantiles of units (n, *event)."""
        K = self.transform.num_components
        locations = np.moveaxis(np.quantile(units, (np.arange(K) + 0.5) / K, axis=0), 0, -1)  # (*event, K)
        gaps = np.gradient(locations, axis=-1)
        excess = _mean_excess(units, locations)
        raws = []
        for factor in factors:
            scales = np.maximum(factor * gaps, _LEAST)
            # A logistic's tail falls by a factor of e for each of its scales.
            scales[..., [0, -1]] = np.maximum(scales[..., [0, -1]], excess)
            raws.append(self.transform.raw_of(locations, np.log(scales)))
        return raws


def _mean_excess(units, ends):
    """How far events (n, *event) lie below, and above, the locations of the outermost components, (*event, 2)."""
    low, high = ends[..., 0], ends[..., -1]
    excess = []
    for beyond in (low - units, units - high):
        is_beyond = beyond > 0
        excess.append((beyond * is_beyond).sum(0) / np.maximum(is_beyond.sum(0), 1))
    return np.stack(excess, -1)
