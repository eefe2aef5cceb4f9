"""DataRotation: a Householder rotation that begins along the axes of the data.

    inverse (data -> latent):  x = R y,   R = H_1 ... H_n a product of reflections          forward:  y = R^T x
    log_det = 0

    pca      rows of R the eigenvectors of the covariance, the largest eigenvalue first
    ica      rows of R the independent components of data that are white: FastICA's fixed point of tanh, orthogonal
    random   R as it was drawn

Then trained, or left as it is. Meng, Song, Song and Ermon, Gaussianization flows, arXiv:2003.01941, section 3.1;
Laparra, Camps-Valls and Malo, Iterative Gaussianization, arXiv:1602.00229, section II; Hyvarinen, Fast and robust
fixed-point algorithms for independent component analysis, IEEE Trans. Neural Networks 10 (1999), section III.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bijectors.householder import Householder
from tfp_flows.bijectors.initialization import InitializedOnce
from tfp_flows.numerics.reflections import reflections_of

STARTS = ("pca", "ica", "random")
# Rounds of FastICA, and the change of a direction's cosine at which it has ended.
_ROUNDS, _SETTLED = 200, 1e-5


class DataRotation(InitializedOnce, Householder):
    """An orthogonal map of the last axis that sets itself from data, once.

    As drawn at first; `Flow.fit`, or `tfp_flows.bijectors.initializing()`, sets it from the events that pass towards
    the latent. Samples say nothing of the data: in the other direction it stays as drawn.

    Args:
        num_features: int, n.
        start: "pca", "ica" or "random".
        event_ndims: int, 1 for vectors, 3 for images, whose channels are rotated at each position alike.
        is_trained: bool, whether an optimizer changes it afterwards.
        num_events: int, events to be set from, where there are as many.
        seed: int.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where a number is no positive integer, the start unknown, or, when it is set, data are not finite.

    Example:
        >>> import numpy as np
        >>> from tfp_flows import bijectors
        >>> rotation = bijectors.DataRotation(2)
        >>> y = np.random.default_rng(0).normal(size=(500, 1)) * [3.0, 4.0]
        >>> with bijectors.initializing():
        ...     x = rotation.inverse(tf.constant(y, tf.float32)).numpy()
        >>> float(abs(x[:, 1]).max()) < 1e-4
        True
    """

    def __init__(
        self,
        num_features: int,
        start: str = "pca",
        event_ndims: int = 1,
        is_trained: bool = True,
        num_events: int = 4096,
        seed: int = 0,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        if start not in STARTS:
            raise ValueError(f"Expected start to be one of {list(STARTS)}; got {start!r}.")
        super().__init__(num_features, event_ndims=event_ndims, seed=seed, dtype=dtype, name=name)
        if not is_trained:
            self.vectors = tf.Variable(self.vectors, trainable=False, name="vectors")
        self.start, self.seed = start, seed
        self._drawn = self.vectors.numpy()
        self._await_initialization(num_events)

    def was_updated(self) -> bool:
        return self.vectors.trainable and not np.array_equal(self.vectors.numpy(), self._drawn)

    def measure(self, values: ArrayLike) -> None:
        """Takes the axes of values (..., n), once.

        Raises:
            ValueError: where they are not finite.
        """
        values = self._finite(values, [self.num_features]).astype(np.float64)
        if self.start == "random":
            vectors = self._drawn
        else:
            values = values - values.mean(0)
            rows = _principal(values) if self.start == "pca" else _independent(values, self.seed)
            # R^T is their product the other way round.
            vectors = reflections_of(rows.T)[::-1]
        self._initialize(vectors=tf.constant(vectors, self.dtype))

    def _forward_and_log_det(self, x):
        if self._is_due():
            self.take_as_it_is()
        return super()._forward_and_log_det(x)

    def _inverse_and_log_det(self, y):
        if self._is_due():
            self.measure(y)
        return super()._inverse_and_log_det(y)


def _principal(values):
    """Eigenvectors of the covariance (n, n), a row each."""
    return np.linalg.eigh(values.T @ values)[1].T[::-1]


def _independent(values, seed):
    """Orthogonal directions (n, n), a row each, along which white values are least like a normal distribution."""
    n = values.shape[1]
    rows = _orthogonal(np.random.default_rng(seed).normal(size=(n, n)))
    for _ in range(_ROUNDS):
        image = np.tanh(values @ rows.T)
        step = image.T @ values / len(values) - (1 - image**2).mean(0)[:, np.newaxis] * rows
        last, rows = rows, _orthogonal(step)
        if np.abs(np.abs((rows * last).sum(1)) - 1).max() < _SETTLED:
            break
    return rows


def _orthogonal(rows):
    """The orthogonal matrix next to one."""
    left, _, right = np.linalg.svd(rows)
    return left @ right
