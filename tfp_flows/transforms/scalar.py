"""A transform with its parameters given, as a scalar `tfb.Bijector`.

    forward:  y = f(x; raw)       inverse:  x = f^-1(y; raw)       log_det elementwise

Parameters raw (..., num_params) are a batch (...) of bijectors of scalars, or one bijector of events of that shape.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bridge.cache import EvaluatedOnce

tfb = tfp.bijectors


class Scalar(EvaluatedOnce, tfb.Bijector):
    """See `Transform.as_bijector`, which makes it.

    Args:
        transform: `Transform`.
        raw: tensor or variable (..., num_params).
        name: str.
    """

    overrides = ("_parameter_properties",)

    def __init__(self, transform, raw, name):
        super().__init__(
            forward_min_event_ndims=0,
            dtype=raw.dtype,
            is_constant_jacobian=transform.is_affine,
            parameters={"transform": transform, "raw": raw, "name": name},
            name=name,
        )
        self.transform, self.raw = transform, raw

    @classmethod
    def _parameter_properties(cls, dtype):
        return {"raw": tfp.util.ParameterProperties(event_ndims=1)}

    def _is_increasing(self, **kwargs):
        return self.transform.require_monotone()

    def _forward_and_log_det(self, x):
        return self.transform.forward_and_log_det(x, tf.convert_to_tensor(self.raw))

    def _inverse_and_log_det(self, y):
        return self.transform.inverse_and_log_det(y, tf.convert_to_tensor(self.raw))

    def _forward(self, x):
        return self._forward_and_log_det(x)[0]

    def _inverse(self, y):
        return self._inverse_and_log_det(y)[0]
