"""NICE's last layer: a diagonal scaling, which gives the volume that additive couplings cannot.

    inverse (data -> latent):  x = y exp(s)        log_det =  sum s
    forward (latent -> data):  y = x exp(-s)       log_det = -sum s

Both directions are cheap. Dinh, Krueger and Bengio, NICE, arXiv:1410.8516, section 3.3.
"""

from __future__ import annotations

import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.increasing import Increasing
from tfp_flows.bijectors.initialization import InitializedOnce, mean_and_log_std
from tfp_flows.numerics.tensors import check_shape, floatx, require_event_shape


class Rescale(Increasing, InitializedOnce, Bijector):
    """Trainable diagonal scaling, exponential parametrisation.

    Inside `tfp_flows.bijectors.initializing()` it sets itself, once, so that each latent has standard deviation 1 on
    the batch. Without that it is the identity at the start, and Adam, which moves s by about the learning rate a step,
    needs thousands of steps to find the scale of a nearly constant pixel.

    Args:
        event_shape: tuple of ints.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where event_shape is no tuple of positive integers.

    Example:
        >>> from tfp_flows import bijectors
        >>> bijectors.Rescale((2,)).forward(tf.constant([[1.0, 2.0]])).numpy().tolist()
        [[1.0, 2.0]]
    """

    def __init__(
        self, event_shape: int | tuple[int, ...], dtype: tf.DType | str | None = None, name: str | None = None
    ):
        dtype = floatx(dtype)
        event_shape = check_shape(event_shape)
        super().__init__(len(event_shape), dtype=dtype, is_constant_jacobian=True, name=name)
        self.s = tf.Variable(tf.zeros(event_shape, dtype), name="s")
        self._await_initialization()

    def _forward_and_log_det(self, x):
        require_event_shape(x, self.s.shape, repr(self.name))
        if self._is_due():
            self._initialize(s=self._log_std(x))
        return x * tf.exp(-self.s), -tf.reduce_sum(self.s)

    def _inverse_and_log_det(self, y):
        require_event_shape(y, self.s.shape, repr(self.name))
        if self._is_due():
            self._initialize(s=-self._log_std(y))
        return y * tf.exp(self.s), tf.reduce_sum(self.s)

    def _log_std(self, values):
        return mean_and_log_std(values, list(range(values.shape.rank - self.s.shape.rank)))[1]
