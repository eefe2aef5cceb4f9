"""Invertible 1x1 convolution: a learned mixing of the channels, the same at every pixel.

    inverse (data -> latent):  x = W y,  at every pixel          forward:  y = W^-1 x
    log_det (inverse) = height width log |det W|

    plain    W free; log |det W| by a QR decomposition, O(channels^3)
    plu      W = P L (U + diag(sign exp(log_scale))): P a fixed permutation, L unit lower triangular, U strictly upper,
             sign fixed; log |det W| = sum log_scale, O(channels); W^-1 by triangular solves

W begins as a random rotation. With PLU it stays invertible whatever the optimizer does; a plain W that has become
singular has log_det -inf, and going forward through it is refused in eager code.
Kingma and Dhariwal, Glow, arXiv:1807.03039, section 3.2.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.numerics.tensors import floatx, is_positive_integer, require_event_shape, reshape_like, size_of

_PARAMETRIZATIONS = ("plu", "plain")


class InvertibleConv1x1(Bijector):
    """A trainable invertible linear map of the last axis.

    Args:
        num_channels: int, size of the last axis.
        parametrization: "plu" or "plain".
        event_ndims: int, 3 for images (height, width, channels), 1 for vectors.
        seed: int, of the random rotation that it begins as.
        permutation: None for that rotation, or ints, the channels in the order in which it begins by putting them.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: for num_channels or event_ndims that are no positive integers, an unknown parametrization, a
            permutation that is none of range(num_channels); and in eager code, going forward, where a plain W is
            singular.

    Example:
        >>> from tfp_flows import bijectors
        >>> layer = bijectors.InvertibleConv1x1(4)
        >>> x = tf.random.stateless_normal([2, 8, 8, 4], seed=[0, 1])
        >>> y = layer.forward(x)
        >>> bool(np.abs(layer.inverse(tf.identity(y)) - x).max() < 1e-4)
        True
    """

    def __init__(
        self,
        num_channels: int,
        parametrization: str = "plu",
        event_ndims: int = 3,
        seed: int = 0,
        permutation: ArrayLike | None = None,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        for key, value in (("num_channels", num_channels), ("event_ndims", event_ndims)):
            if not is_positive_integer(value):
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
        if parametrization not in _PARAMETRIZATIONS:
            raise ValueError(
                f"Expected parametrization to be one of {list(_PARAMETRIZATIONS)}; got {parametrization!r}."
            )
        if permutation is not None and sorted(permutation) != list(range(num_channels)):
            raise ValueError(f"Expected a permutation of range({num_channels}); got {list(permutation)!r}.")
        super().__init__(event_ndims, dtype=dtype, is_constant_jacobian=True, name=name)
        self.num_channels = int(num_channels)
        self.parametrization = parametrization
        self.seed = seed
        if permutation is None:
            start = _rotation(self.num_channels, seed)
        else:
            start = np.eye(self.num_channels)[list(permutation)]
        if parametrization == "plain":
            self.weight = tf.Variable(tf.constant(start, dtype), name="weight")
            return
        rows, lower, upper = _lu(start)
        diagonal = np.diag(upper)
        self._permutation = rows  # row i of W is row rows[i] of L U
        self._sign = np.sign(diagonal)
        self.lower = tf.Variable(tf.constant(np.tril(lower, -1), dtype), name="lower")
        self.upper = tf.Variable(tf.constant(np.triu(upper, 1), dtype), name="upper")
        self.log_scale = tf.Variable(tf.constant(np.log(np.abs(diagonal)), dtype), name="log_scale")

    def _forward_and_log_det(self, x):
        inverse, log_det = self._inverse_weight()
        return self._mix(x, inverse), -self._log_det(x, log_det)

    def _inverse_and_log_det(self, y):
        weight, log_det = self._weight()
        return self._mix(y, weight), self._log_det(y, log_det)

    def _mix(self, values, weight):
        require_event_shape(values, (self.num_channels,), f"the last axis of {self.name!r}")
        # One matrix product of all pixels: for few channels faster than a convolution, and what it lowers to anyway.
        rows = tf.reshape(values, [-1, self.num_channels])
        return reshape_like(tf.matmul(rows, weight, transpose_b=True), values)

    def _log_det(self, values, log_det):
        return size_of(values, -self.forward_min_event_ndims, -1) * log_det

    def _factors(self):
        """L and U, whatever has been written to their other triangles."""
        identity = tf.eye(self.num_channels, dtype=self.dtype)
        lower = tf.linalg.band_part(self.lower, -1, 0) * (1 - identity) + identity
        diagonal = tf.constant(self._sign, self.dtype) * tf.exp(self.log_scale)
        upper = tf.linalg.band_part(self.upper, 0, -1) * (1 - identity) + tf.linalg.diag(diagonal)
        return lower, upper

    def _weight(self):
        """W and log |det W|."""
        if self.parametrization == "plain":
            weight = tf.convert_to_tensor(self.weight)
            # tf.linalg.slogdet has no XLA kernel.
            triangle = tf.linalg.qr(weight).r
            return weight, tf.reduce_sum(tf.math.log(tf.abs(tf.linalg.diag_part(triangle))))
        lower, upper = self._factors()
        return tf.gather(tf.matmul(lower, upper), self._permutation), tf.reduce_sum(self.log_scale)

    def _inverse_weight(self):
        """W^-1 and log |det W|."""
        if self.parametrization == "plain":
            weight, log_det = self._weight()
            if tf.executing_eagerly() and not np.isfinite(log_det):
                raise ValueError(f"Expected an invertible weight matrix in {self.name!r}; got a singular one.")
            return tf.linalg.inv(weight), log_det
        lower, upper = self._factors()
        # W = P L U, P[i, permutation[i]] = 1; P^-1 picks rows the other way round.
        picked = tf.gather(tf.eye(self.num_channels, dtype=self.dtype), np.argsort(self._permutation))
        inverse = tf.linalg.triangular_solve(upper, tf.linalg.triangular_solve(lower, picked), lower=False)
        return inverse, tf.reduce_sum(self.log_scale)


def _rotation(size, seed):
    """A random orthogonal matrix, uniformly distributed."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))
    return q * np.sign(np.diag(r))


def _lu(matrix):
    """matrix = (L U)[permutation]: permutation (n,) of ints, L unit lower and U upper triangular, float64."""
    with tf.init_scope(), tf.device("CPU:0"):
        packed, pivots = tf.linalg.lu(tf.constant(matrix, tf.float64))
    packed = packed.numpy()
    return np.argsort(pivots.numpy()), np.tril(packed, -1) + np.eye(len(packed)), np.triu(packed)
