"""A transformer over tokens, every one of which sees all: the vision transformer of couplings of patches.

    x -> tokens x_1..x_length of `size` numbers
    h_i = W x_i + b + p_i [+ C context],   num_layers of attention and MLPs, see `transformer_layers`
    out_i = W norm(h_i) + b,   0 at the start

Dosovitskiy et al., arXiv:2010.11929, section 3.1; as a coupling's conditioner Kolesnikov et al., Jet, arXiv:2412.15129,
section 3.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks.conditioning import require_context
from tfp_flows.networks.transformer_layers import TokenNetwork


@keras.saving.register_keras_serializable(package="tfp_flows")
class Transformer(TokenNetwork):
    """Flat tokens `(batch, length * size) -> (batch, length * size * num_params)`, as `bijectors.Coupling` wants it.

    Args:
        event_shape: tuple (length, size) of ints, of the tokens.
        num_params: int, numbers for each element.
        channels: int, of the hidden rows.
        num_layers: int, of attention and MLP.
        num_heads: int, which divides the channels; None for heads of 64 channels.
        context_shape: None, or a tuple (m,): called as `net(x, context=c)` with c (batch, m), which is mapped linearly
            and added to each token.
        output_initializer: Keras initializer of the last kernel.
        dtype: Keras dtype or dtype policy of this layer and all within it.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where a number is no positive integer, the heads do not divide the channels, the input has another
            size, or a context is missing or not wanted.

    Example:
        >>> from tfp_flows.networks import Transformer
        >>> net = Transformer((4, 3), num_params=2, channels=8, num_layers=1)
        >>> net(tf.ones([5, 12])).shape.as_list()
        [5, 24]
    """

    # Takes flat vectors, whatever the event's rank.
    event_ndims = 1

    def __init__(
        self,
        event_shape: tuple[int, int],
        num_params: int = 2,
        channels: int = 128,
        num_layers: int = 2,
        num_heads: int | None = None,
        context_shape: tuple[int, ...] | None = None,
        output_initializer: str | keras.Initializer = "zeros",
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(
            False, event_shape, num_params, channels, num_layers, num_heads, context_shape, output_initializer, dtype,
            **kwargs,
        )  # fmt: skip

    @counted_by_nothing()
    def build(self, input_shape: tuple | None = None) -> None:
        length, size = self.event_shape
        if input_shape is not None and input_shape[-1] != length * size:
            raise ValueError(f"Expected {length} x {size} numbers in {self.name!r}; got shape {tuple(input_shape)}.")
        self.trunk.build()

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        require_context(context, self.context_shape)
        tokens = tf.reshape(tf.cast(x, self.compute_dtype), [-1, *self.event_shape])
        raw = self.trunk.apply(tokens, self.trunk.embedded_context(context), self.trunk.embedded_positions())
        length, size = self.event_shape
        return tf.reshape(raw, [-1, length * size * self.num_params])

    def compute_output_shape(self, input_shape: tuple, **_) -> tuple:
        return (*input_shape[:-1], input_shape[-1] * self.num_params)
