"""A shift and a bounded scale: the transform of RealNVP's coupling.

    s = bound tanh(raw_s / bound)            log-scale in (-bound, bound), slope 1 at 0
    forward:  x = z exp(s) + t               log_det =  s
    inverse:  z = (x - t) exp(-s)            log_det = -s
    raw = (raw_s, t)

Why bounded: an unbounded exp(s) overflows on the first outlier that the network meets, and a density that a
few elements can raise without limit is what makes training diverge. Why tanh and not Glow's sigmoid(s + 2): it is
symmetric, so that neither direction is favoured, and raw = 0 is the identity exactly.
Dinh, Sohl-Dickstein and Bengio, RealNVP, arXiv:1605.08803, sections 3.2 and 4.1 (tanh).
"""

from __future__ import annotations

import math

import tensorflow as tf

from tfp_flows.transforms.transform import Transform, elements


class Affine(Transform):
    """x = z exp(s) + t with s = log_scale_bound tanh(raw_s / log_scale_bound).

    Args:
        log_scale_bound: float > 0, the largest log-scale in either direction; 2 lets one layer scale
            by 0.135 to 7.39.

    Raises:
        ValueError: where the bound is not a positive finite number.

    Example:
        >>> from tfp_flows import transforms
        >>> x, log_det = transforms.Affine().forward_and_log_det(tf.constant([1.0]), tf.constant([[0.0, 2.0]]))
        >>> x.numpy().tolist(), log_det.numpy().tolist()
        ([3.0], [0.0])
    """

    num_params = 2
    is_affine = True
    is_increasing = True

    def __init__(self, log_scale_bound: float = 2.0):
        if not (isinstance(log_scale_bound, (int, float)) and 0 < log_scale_bound < math.inf):
            raise ValueError(f"Expected log_scale_bound to be a positive finite number; got {log_scale_bound!r}.")
        self.log_scale_bound = float(log_scale_bound)

    def forward_and_log_det(self, z: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        s, t = self._parameters(raw)
        return z * tf.exp(s) + t, s

    def inverse_and_log_det(self, x: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        s, t = self._parameters(raw)
        return (x - t) * tf.exp(-s), -s

    def _parameters(self, raw):
        s, t = elements(raw, 2)
        return self.log_scale_bound * tf.tanh(s / self.log_scale_bound), t
