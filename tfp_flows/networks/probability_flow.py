"""The velocity that a prediction of the noise makes: the probability-flow equation of a score model.

    x_t = a(t) x + s(t) z,   eps(x_t, t) ~ E[z given x_t] = -s(t) score(x_t, t)
    v(x, t) = (a'/a) x + (s' - s a'/a) eps(x, t)

The network sees x_t / sqrt(a^2 + s^2), of unit variance at every time for data in standard units, and in the place of t
how far the noise has gone, log(s / a) from 0 at the latent to 1 at the data (as arXiv:2206.00364, table 1).
Song et al., Score-Based Generative Modeling through Stochastic Differential Equations, arXiv:2011.13456, section 4.3.
"""

from __future__ import annotations

import dataclasses

import keras
import tensorflow as tf

from tfp_flows.dynamics import paths


@keras.saving.register_keras_serializable(package="tfp_flows")
class ProbabilityFlow(keras.layers.Layer):
    """Called as the network of a `bijectors.Continuous`, with a network that predicts the noise.

    Args:
        network: Keras layer, called as `network(x, t)` or `network(x, t, context=c)`.
        path: of `tfp_flows.dynamics.paths`.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Example:
        >>> from tfp_flows import dynamics, networks
        >>> path = dynamics.paths.VarianceExploding(0.01, 10.0)
        >>> velocity = networks.ProbabilityFlow(networks.TimeMLP(2, 8), path)
        >>> velocity(tf.ones([3, 2]), tf.zeros([3])).shape.as_list()
        [3, 2]
    """

    def __init__(self, network: keras.Layer, path: paths.VariancePreserving | paths.VarianceExploding, **kwargs):
        super().__init__(**{"dtype": network.dtype_policy, **kwargs}, autocast=False)
        self.network, self.schedule = network, path
        self.context_shape = getattr(network, "context_shape", None)
        if hasattr(network, "jvp"):
            self.jvp = self._jvp

    def build(self, input_shape: tuple) -> None:
        if not self.network.built:
            self.network.build(input_shape)

    def noise(self, x: tf.Tensor, t: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The noise in x (batch, *event) as it is predicted at times t (batch,)."""
        _, _, scale = self._coefficients(x, t)
        return tf.cast(self.network(x * scale, self._level(t, x), **_given(context)), x.dtype)

    def score(self, x: tf.Tensor, t: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The gradient of the log-density of x_t by x_t, as it is predicted."""
        s = tf.reshape(self.schedule(t).s, [-1, *[1] * (x.shape.rank - 1)])
        return -self.noise(x, t, context) / s

    def call(self, x: tf.Tensor, t: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The velocity (batch, *event)."""
        of_x, of_noise, _ = self._coefficients(x, t)
        return of_x * x + of_noise * self.noise(x, t, context)

    def _jvp(self, x, t, tangents, context=None):
        of_x, of_noise, scale = self._coefficients(x, t)
        value, products = self.network.jvp(x * scale, self._level(t, x), tangents * scale, **_given(context))
        value, products = tf.cast(value, x.dtype), tf.cast(products, x.dtype)
        return of_x * x + of_noise * value, of_x * tangents + of_noise * products

    def _coefficients(self, x, t):
        """(batch, 1, ...): of x, of the noise, and what the network's input is multiplied by."""
        a, s, da, ds = self.schedule(tf.reshape(tf.cast(t, x.dtype), [-1, *[1] * (x.shape.rank - 1)]))
        return da / a, ds - s * da / a, tf.math.rsqrt(a**2 + s**2)

    def _level(self, t, x):
        return self.schedule.noise_level(tf.cast(t, x.dtype))

    def get_config(self) -> dict:
        path = {"class": type(self.schedule).__name__, **dataclasses.asdict(self.schedule)}
        return {
            **super().get_config(), "network": keras.saving.serialize_keras_object(self.network), "path": path,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict) -> ProbabilityFlow:
        config = dict(config)
        path = dict(config.pop("path"))
        network = keras.saving.deserialize_keras_object(config.pop("network"))
        return cls(network, getattr(paths, path.pop("class"))(**path), **config)

    def compute_output_shape(self, input_shape: tuple, *_, **__) -> tuple:
        return input_shape


def _given(context):
    return {} if context is None else {"context": context}
