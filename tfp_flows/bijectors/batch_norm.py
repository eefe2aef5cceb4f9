"""RealNVP's batch normalisation as a bijector: each feature is standardised by its mean and variance.

    inverse:  x = (u - mean) / sqrt(variance + epsilon)          u = (y - centre) exp(-log_unit)
    forward:  u = x sqrt(variance + epsilon) + mean              y = u exp(log_unit) + centre
    log_det (inverse) = -(number of positions) sum_c (log_unit_c + 1/2 log(variance_c + epsilon))

    running <- momentum running + (1 - momentum) batch          of mean and variance, one step of training

The first batch sets centre and log_unit, which stay: epsilon and the running statistics are in standard units, whatever
the data's. In training the inverse takes mean and variance from the batch, and gradients flow through them; everywhere
else, and in the forward direction always, they are the running ones. Both directions are cheap.
Dinh, Sohl-Dickstein and Bengio, RealNVP, arXiv:1605.08803, section 3.7 and appendix E.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.increasing import Increasing
from tfp_flows.bijectors.initialization import Measured, mean_and_log_std
from tfp_flows.numerics.tensors import floatx, is_positive_integer, require_event_shape, size_of


class BatchNorm(Increasing, Measured, Bijector):
    """Batch normalisation, per feature of the last axis, over the batch and all other axes; nothing is trained.

    Training is what Keras says it is: `flow(x, training=True)`, hence `fit`. Sampling, scoring, encoding and exporting
    use the running statistics and never change them. Inside `tfp_flows.bijectors.initializing()` the unit is set, once,
    from the batch, so that the first evaluation is sane. Under `tf.distribute` each replica normalises by its own part
    of the batch, and the running statistics follow the replicas' average.

    In training the log_det is the paper's, of one event with the statistics held; the density is then that of no
    distribution, and a batch with one value a feature has no variance. The lagged variant of appendix E, for very
    small batches, is not offered.

    Args:
        num_features: int, size of the last axis of the event.
        event_ndims: int, 1 for vectors, 3 for images (height, width, channels).
        momentum: float in [0, 1), of the running statistics.
        epsilon: float > 0, added to every variance, in the square of that unit.
        dtype: floating dtype; None for Keras' `floatx`.
        name: str or None.

    Raises:
        ValueError: where num_features or event_ndims is no positive integer, or momentum or epsilon out of range.

    Example:
        >>> from tfp_flows import bijectors
        >>> norm = bijectors.BatchNorm(2, epsilon=1e-9)
        >>> norm.running_mean.assign([1.0, 0.0]).numpy().tolist()
        [1.0, 0.0]
        >>> norm.inverse(tf.constant([[3.0, 2.0]])).numpy().tolist()
        [[2.0, 2.0]]
    """

    unrepeatable = "is another function of each batch that it is trained on"

    def __init__(
        self,
        num_features: int,
        event_ndims: int = 1,
        momentum: float = 0.99,
        epsilon: float = 1e-5,
        dtype: tf.DType | str | None = None,
        name: str | None = None,
    ):
        dtype = floatx(dtype)
        for key, value in (("num_features", num_features), ("event_ndims", event_ndims)):
            if not is_positive_integer(value):
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
        if not 0 <= momentum < 1:
            raise ValueError(f"Expected momentum in [0, 1); got {momentum!r}.")
        if not 0 < epsilon < float("inf"):
            raise ValueError(f"Expected epsilon > 0; got {epsilon!r}.")
        # Constant: also in training it is one number for all events of a batch.
        super().__init__(event_ndims, dtype=dtype, is_constant_jacobian=True, name=name)
        self.num_features = num_features
        self.momentum = momentum
        self.epsilon = epsilon
        self._statistics = _Statistics(num_features, dtype=tf.as_dtype(dtype).name)
        self._await_statistics([num_features], dtype)

    @property
    def running_mean(self) -> keras.Variable:
        """`keras.Variable` (num_features,), in units of exp(log_unit) from centre."""
        return self._statistics.mean

    @property
    def running_variance(self) -> keras.Variable:
        """`keras.Variable` (num_features,), in the square of that unit, without epsilon."""
        return self._statistics.variance

    def _forward_and_log_det(self, x):
        require_event_shape(x, (self.num_features,), f"the last axis of {self.name!r}")
        if self._is_due():
            # So that y is standardised.
            mean, log_std = mean_and_log_std(x, _leading_axes(x))
            self.set_statistics(-mean * tf.exp(-log_std), -log_std)
        mean, variance = self._statistics.running()
        u = x * tf.sqrt(variance + self.epsilon) + mean
        return u * tf.exp(self.log_unit) + self.centre, self._log_det(x, variance)

    def _inverse_and_log_det(self, y):
        require_event_shape(y, (self.num_features,), f"the last axis of {self.name!r}")
        if self._is_due():
            self.measure(y)
        u = (y - self.centre) * tf.exp(-self.log_unit)
        mean, variance = self._statistics(u, momentum=self.momentum)
        return (u - mean) * tf.math.rsqrt(variance + self.epsilon), -self._log_det(y, variance)

    def _log_det(self, x, variance):
        log_scale = self.log_unit + 0.5 * tf.math.log(variance + self.epsilon)
        return size_of(x, -self.forward_min_event_ndims, -1) * tf.reduce_sum(log_scale)


class _Statistics(keras.layers.Layer):
    """Mean and variance of a batch in training, running ones otherwise. A layer, since Keras tells layers which."""

    def __init__(self, num_features, dtype, name="statistics", **kwargs):
        super().__init__(dtype=dtype, name=name, **kwargs)
        self.num_features = num_features
        options = dict(shape=(num_features,), trainable=False, autocast=False, aggregation="mean")
        self.mean = self.add_weight(name="mean", initializer="zeros", **options)
        self.variance = self.add_weight(name="variance", initializer="ones", **options)
        self.built = True

    def running(self):
        return tf.convert_to_tensor(self.mean), tf.convert_to_tensor(self.variance)

    def get_config(self):
        return {**super().get_config(), "num_features": self.num_features}

    def call(self, y, momentum, training=None):
        if not (training and self.trainable):
            return self.running()
        axes = _leading_axes(y)
        mean = tf.reduce_mean(y, axes)
        # Not tf.nn.moments, which stops gradients inside, so that second derivatives are wrong.
        variance = tf.reduce_mean(tf.math.squared_difference(y, mean), axes)
        for running, batch in ((self.mean, mean), (self.variance, variance)):
            new = momentum * running + (1 - momentum) * batch
            # A replica without events, or a batch that is not finite, must not spoil what is kept for good.
            running.assign(tf.where(tf.math.is_finite(new), new, running))
        return mean, variance


def _leading_axes(values):
    return list(range(values.shape.rank - 1))
