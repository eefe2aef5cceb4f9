"""A network of the context alone, called as those are that see an event beside it: what it gives is amortised."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfp_flows.networks.conditioning import check_context_shape, require_context


@keras.saving.register_keras_serializable(package="tfp_flows")
class OfContext(keras.layers.Layer):
    """Called as `net(x, context=c)`, gives `network(c)`, whatever x is.

    Args:
        network: Keras layer or model, (rows, *context_shape) -> (rows, ...).
        context_shape: tuple (m,).
        **kwargs: dtype, name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where the network is no Keras layer, context_shape is not (m,), or context is missing.

    Example:
        >>> from tfp_flows import bijectors, networks
        >>> amortised = bijectors.Planar(3, conditioner=networks.OfContext(networks.MLP(7), (2,)))
        >>> amortised.forward(tf.ones([5, 3]), context=tf.ones([5, 2])).shape.as_list()
        [5, 3]
    """

    def __init__(self, network: keras.layers.Layer, context_shape: tuple[int, ...], **kwargs):
        if not isinstance(network, keras.layers.Layer):
            raise ValueError(f"Expected a Keras layer as network; got {network!r}.")
        super().__init__(**{"dtype": network.dtype_policy, **kwargs})
        self.network, self.context_shape = network, check_context_shape(context_shape)
        if self.context_shape is None:
            raise ValueError("Expected a context_shape (m,); got None.")

    def build(self, input_shape: tuple) -> None:
        if not self.network.built:
            self.network.build((None, *self.context_shape))

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None, training: bool | None = None) -> tf.Tensor:
        require_context(context, self.context_shape)
        return self.network(tf.cast(context, self.compute_dtype), training=training)

    def compute_output_shape(self, input_shape: tuple, *_, **__) -> tuple:
        return self.network.compute_output_shape((input_shape[0], *self.context_shape))

    def get_config(self) -> dict:
        return {
            **super().get_config(), "network": keras.saving.serialize_keras_object(self.network),
            "context_shape": self.context_shape,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict) -> OfContext:
        config = dict(config)
        return cls(keras.saving.deserialize_keras_object(config.pop("network")), **config)
