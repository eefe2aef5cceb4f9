"""ActNorm: a scale and a shift for each feature, set so that the first batch comes out standardised.

    forward:  y = (x exp(log_scale) + loc) exp(log_unit) + centre
    inverse:  x = ((y - centre) exp(-log_unit) - loc) exp(-log_scale)
    log_det (forward) = (number of positions) sum_c (log_scale_c + log_unit_c)

The first batch sets centre and log_unit, which stay: loc and log_scale are trained in standard units, so that a step of
an optimizer is the same step whatever the unit of what comes in. Both directions are cheap.
Kingma and Dhariwal, Glow, arXiv:1807.03039, section 3.1.
"""

from __future__ import annotations

import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.increasing import Increasing
from tfp_flows.bijectors.initialization import Measured, mean_and_log_std
from tfp_flows.numerics.tensors import floatx, is_positive_integer, require_event_shape, size_of


class ActNorm(Increasing, Measured, Bijector):
    """Activation normalisation, per feature of the last axis, initialised from data (or from base samples).

    Initialisation happens inside `tfp_flows.bijectors.initializing()` only, once, and is saved with the weights:
    in the inverse direction (data -> latent) the latent comes out with mean 0 and standard deviation 1, in the
    forward direction (for losses that only sample) the data side does. A feature that is constant in the batch is
    centred and keeps its scale.

    Args:
        num_features: int, size of the last axis of the event.
        event_ndims: int, 1 for vectors, 3 for images (height, width, channels).
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where num_features or event_ndims is no positive integer.

    Example:
        >>> from tfp_flows import bijectors
        >>> norm = bijectors.ActNorm(2)
        >>> norm.forward(tf.constant([[1.0, 2.0]])).numpy().tolist()
        [[1.0, 2.0]]
    """

    def __init__(
        self, num_features: int, event_ndims: int = 1, dtype: tf.DType | str | None = None, name: str | None = None
    ):
        dtype = floatx(dtype)
        for key, value in (("num_features", num_features), ("event_ndims", event_ndims)):
            if not is_positive_integer(value):
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
        super().__init__(event_ndims, dtype=dtype, is_constant_jacobian=True, name=name)
        self.num_features = num_features
        self.loc = tf.Variable(tf.zeros([num_features], dtype), name="loc")
        self.log_scale = tf.Variable(tf.zeros([num_features], dtype), name="log_scale")
        self._await_statistics([num_features], dtype)

    def _forward_and_log_det(self, x):
        require_event_shape(x, (self.num_features,), f"the last axis of {self.name!r}")
        if self._is_due():
            mean, log_std = mean_and_log_std(x, list(range(x.shape.rank - 1)))
            self.set_statistics(-mean * tf.exp(-log_std), -log_std)
        log_scale, shift = self._affine()
        return x * tf.exp(log_scale) + shift, self._log_det(x, log_scale)

    def _inverse_and_log_det(self, y):
        require_event_shape(y, (self.num_features,), f"the last axis of {self.name!r}")
        if self._is_due():
            self.measure(y)
        log_scale, shift = self._affine()
        return (y - shift) * tf.exp(-log_scale), -self._log_det(y, log_scale)

    def _affine(self):
        """Logarithm of the whole scale, and the whole shift, of each feature."""
        return self.log_scale + self.log_unit, self.loc * tf.exp(self.log_unit) + self.centre

    def _log_det(self, x, log_scale):
        return size_of(x, -self.forward_min_event_ndims, -1) * tf.reduce_sum(log_scale)
