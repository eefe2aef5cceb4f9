"""Elementwise: a transform with trainable parameters of its own, one set an element; no network.

    forward:  y = f(x; raw)       inverse:  x = f^-1(y; raw)       log_det = sum over elements

Both directions are cheap.
"""

from __future__ import annotations

import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.numerics.tensors import check_shape, floatx, require_event_shape
from tfp_flows.transforms import Transform


class Elementwise(Bijector):
    """Any `tfp_flows.transforms.Transform`, applied to each element with its own trainable parameters.

    Args:
        transform: `tfp_flows.transforms.Transform`.
        event_shape: tuple of ints.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where the transform is none, or event_shape no tuple of positive integers.

    Example:
        >>> from tfp_flows import bijectors, transforms
        >>> layer = bijectors.Elementwise(transforms.Affine(), event_shape=(2,))
        >>> layer.forward(tf.constant([[1.0, 2.0]])).numpy().tolist()
        [[1.0, 2.0]]
    """

    def __init__(
        self,
        transform: Transform,
        event_shape: int | tuple[int, ...],
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        if not isinstance(transform, Transform):
            raise ValueError(f"Expected a tfp_flows.transforms.Transform; got {type(transform).__name__}.")
        event_shape = check_shape(event_shape)
        super().__init__(len(event_shape), dtype=dtype, is_constant_jacobian=transform.is_affine, name=name)
        self.transform = transform
        self.raw = tf.Variable(tf.zeros([*event_shape, transform.num_params], dtype), name="raw")

    def _forward_and_log_det(self, x):
        self._require_shape(x)
        y, log_det = self.transform.forward_and_log_det(x, tf.convert_to_tensor(self.raw))
        return y, self._sum(log_det)

    def _inverse_and_log_det(self, y):
        self._require_shape(y)
        x, log_det = self.transform.inverse_and_log_det(y, tf.convert_to_tensor(self.raw))
        return x, self._sum(log_det)

    def _require_shape(self, values):
        require_event_shape(values, self.raw.shape[:-1], repr(self.name))

    def _is_increasing(self, **kwargs):
        return self.transform.require_monotone()

    def _sum(self, log_det):
        axes = list(range(-self.forward_min_event_ndims, 0))
        return tf.reduce_sum(log_det, axes)
