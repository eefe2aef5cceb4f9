"""A shift: the transform of NICE's additive coupling.

    forward:  x = z + t        inverse:  z = x - t        log_det = 0        raw = (t)

Dinh, Krueger and Bengio, NICE, arXiv:1410.8516, section 3.2.
"""

from __future__ import annotations

import tensorflow as tf

from tfp_flows.transforms.transform import Transform, elements


class Shift(Transform):
    """x = z + t, volume preserving.

    Example:
        >>> from tfp_flows import transforms
        >>> x, log_det = transforms.Shift().forward_and_log_det(tf.constant([1.0]), tf.constant([[2.0]]))
        >>> x.numpy().tolist(), log_det.numpy().tolist()
        ([3.0], [0.0])
    """

    num_params = 1
    is_affine = True
    is_volume_preserving = True
    is_increasing = True

    def forward_and_log_det(self, z: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        (t,) = elements(raw, 1)
        return z + t, tf.zeros_like(z)

    def inverse_and_log_det(self, x: tf.Tensor, raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        (t,) = elements(raw, 1)
        return x - t, tf.zeros_like(x)
