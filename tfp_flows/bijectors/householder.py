"""Householder: a learned rotation, or reflection, of vectors, as a product of reflections.

    inverse (data -> latent):  x = H_1 ... H_K y,   H_k = I - 2 v_k v_k^T / |v_k|^2          forward:  back
    log_det = 0

n reflections make any orthogonal matrix. O(n K) an event, and orthogonal whatever the optimizer does.
Tomczak and Welling, Improving variational auto-encoders using Householder flow, arXiv:1611.09630, section 3.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.numerics.reflections import reflect
from tfp_flows.numerics.tensors import floatx, is_positive_integer, require_event_shape


class Householder(Bijector):
    """A trainable orthogonal map of the last axis.

    Args:
        num_features: int, n.
        num_reflections: int, K; None for n.
        seed: int, of the vectors that it begins with.
        event_ndims: int, 1 for vectors, 3 for images, whose channels are rotated at each position alike.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where a number is no positive integer.

    Example:
        >>> from tfp_flows import bijectors
        >>> y = bijectors.Householder(3).forward(tf.constant([[3.0, 4.0, 12.0]]))
        >>> round(float(tf.norm(y)), 4)
        13.0
    """

    def __init__(
        self,
        num_features: int,
        num_reflections: int | None = None,
        seed: int = 0,
        event_ndims: int = 1,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        num_reflections = num_features if num_reflections is None else num_reflections
        sizes = dict(num_features=num_features, num_reflections=num_reflections, event_ndims=event_ndims)
        for key, value in sizes.items():
            if not is_positive_integer(value):
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
        super().__init__(event_ndims, dtype=dtype, is_constant_jacobian=True, name=name)
        self.num_features = int(num_features)
        start = np.random.default_rng(seed).normal(size=(num_reflections, num_features))
        self.vectors = tf.Variable(tf.constant(start, dtype), name="vectors")

    def _forward_and_log_det(self, x):
        return self._reflected(x, back=True), tf.zeros([], x.dtype)

    def _inverse_and_log_det(self, y):
        return self._reflected(y, back=False), tf.zeros([], y.dtype)

    def _reflected(self, values, back):
        require_event_shape(values, (self.num_features,), f"the last axis of {self.name!r}")
        return reflect(values, tf.convert_to_tensor(self.vectors), back)
