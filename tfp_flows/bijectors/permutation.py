"""Permutation of the features of the last axis.

    forward:  y_i = x_{p(i)}          inverse:  x_{p(i)} = y_i          log_det = 0

Both directions are a gather. Used between couplings by RealNVP (arXiv:1605.08803, section 3.4) and MAF.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.numerics.tensors import permute, require_event_shape


class Permutation(Bijector):
    """A fixed permutation of the last axis; `Permutation.reverse(n)` and `Permutation.random(n, seed)` make the usual.

    Args:
        permutation: sequence of ints, a permutation of 0..n-1; y[..., i] = x[..., permutation[i]].
        name: str or None.

    Raises:
        ValueError: where it is no permutation.

    Example:
        >>> from tfp_flows import bijectors
        >>> bijectors.Permutation.reverse(3).forward(tf.constant([1.0, 2.0, 3.0])).numpy().tolist()
        [3.0, 2.0, 1.0]
    """

    def __init__(self, permutation: ArrayLike, name: str | None = None):
        permutation = np.asarray(permutation)
        if permutation.ndim != 1 or not np.array_equal(np.sort(permutation), np.arange(max(1, permutation.size))):
            raise ValueError(f"Expected a permutation of 0..n-1; got {permutation.tolist()}.")
        super().__init__(event_ndims=1, dtype=None, is_constant_jacobian=True, name=name)
        self.permutation = tuple(int(i) for i in permutation)

    @classmethod
    def reverse(cls, num_features: int, name: str | None = None) -> Permutation:
        """The reversal of `num_features` features."""
        return cls(np.arange(num_features)[::-1], name=name)

    @classmethod
    def random(cls, num_features: int, seed: int, name: str | None = None) -> Permutation:
        """A permutation drawn from `seed` (int), the same on every machine."""
        return cls(np.random.default_rng(seed).permutation(num_features), name=name)

    def _forward_and_log_det(self, x):
        require_event_shape(x, (len(self.permutation),), f"the last axis of {self.name!r}")
        return permute(x, self.permutation), tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        require_event_shape(y, (len(self.permutation),), f"the last axis of {self.name!r}")
        return permute(y, np.argsort(self.permutation)), tf.zeros([], y.dtype)
