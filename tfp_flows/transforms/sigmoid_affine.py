"""A shift and a scale of at most two, from data to latent: the transform of Jet's coupling.

    a = e + (1 - e) 2 sigmoid(s)                scale, from e = 1e-6 to 2 - e
    inverse:  z = (x + b) a                     log_det =  log a
    forward:  x = z / a - b                     log_det = -log a
    raw = (s, b)

A density gains at most log 2 an element; raw = 0 is the identity. The paper has e = 0, whose way from latent to
data has no bound: at s = -89 it leaves float32.
Kolesnikov, Pinto and Tschannen, Jet, arXiv:2412.15129, section 3.
"""

from __future__ import annotations

import math

import tensorflow as tf

from tfp_flows.transforms.transform import Transform, elements

_LEAST_SCALE = 1e-6


class SigmoidAffine(Transform):
    """x = z / a - b with a = 2 sigmoid(s), which stops at 1e-6.

    Example:
        >>> from tfp_flows import transforms
        >>> z, log_det = transforms.SigmoidAffine().inverse_and_log_det(tf.constant([1.0]), tf.constant([[0.0, 2.0]]))
        >>> z.numpy().tolist(), log_det.numpy().tolist()
        ([3.0], [0.0])
    """

    num_params = 2
    is_affine = True
    is_increasing = True

    def forward_and_log_det(self, z: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        log_scale, b = self._parameters(raw)
        return z * tf.exp(-log_scale) - b, -log_scale

    def inverse_and_log_det(self, x: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        log_scale, b = self._parameters(raw)
        return (x + b) * tf.exp(log_scale), log_scale

    def _parameters(self, raw):
        s, b = elements(raw, 2)
        # Relative to what it gives at 0, so that there it is 0 to the last bit.
        log_sigmoid = math.log(2) - tf.nn.softplus(-s)
        return tf.math.log1p((1 - _LEAST_SCALE) * tf.math.expm1(log_sigmoid)), b
