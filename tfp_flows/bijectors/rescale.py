"""NICE's last layer: a diagonal scaling, which gives the volume that additive couplings cannot.

    inverse (data -> latent):  x = y exp(s)        log_det =  sum s
    forward (latent -> data):  y = x exp(-s)       log_det = -sum s

Both directions are cheap. Dinh, Krueger and Bengio, NICE, arXiv:1410.8516, section 3.3.
"""

import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector


class Rescale(Bijector):
    """Trainable diagonal scaling, exponential parametrisation, identity at the start.

    Args:
        event_shape: tuple of ints.
        dtype: floating dtype.
        name: str or None.

    Example:
        >>> from tfp_flows import bijectors
        >>> bijectors.Rescale((2,)).forward(tf.constant([[1.0, 2.0]])).numpy().tolist()
        [[1.0, 2.0]]
    """

    def __init__(self, event_shape, dtype=tf.float32, name=None):
        event_shape = tuple(event_shape)
        super().__init__(len(event_shape), dtype=dtype, is_constant_jacobian=True, name=name)
        self.s = tf.Variable(tf.zeros(event_shape, dtype), name="s")

    def _forward_and_log_det(self, x):
        return x * tf.exp(-self.s), -tf.reduce_sum(self.s)

    def _inverse_and_log_det(self, y):
        return y * tf.exp(self.s), tf.reduce_sum(self.s)
