"""A causal transformer: one pass gives the parameters of all conditionals of a sequence of tokens.

    h_i = W x_i + b + p_i [+ C context],   num_layers of causal attention and MLPs, see `transformer_layers`
    raw_1 = 0,   raw_i+1 = W_out h_i + b_out,   0 at the start

raw_i, of all the numbers of token i, depends on the tokens before i alone, and the first token passes as it is. With
`reverse` the order is turned round, and the positions p with it, which belong to the places of the event. The
sequential direction keeps the keys and values of each layer: a token takes one row of the network, and not one pass.
Zhai et al., TarFlow, arXiv:2412.06329, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks.conditioning import require_context
from tfp_flows.networks.transformer_layers import TokenNetwork


@keras.saving.register_keras_serializable(package="tfp_flows")
class CausalTransformer(TokenNetwork):
    """An autoregressive network of tokens, `(batch, length, size) -> (batch, length, size, num_params)`.

    It is what `bijectors.Autoregressive` takes for patches of images.

    Args:
        event_shape: tuple (length, size) of ints, at least two tokens of `size` numbers each.
        num_params: int, numbers for each element.
        channels: int, of the hidden rows.
        num_layers: int, of attention and MLP.
        num_heads: int, which divides the channels; None for heads of 64 channels.
        reverse: bool, whether the order is turned round: from the last token to the first.
        context_shape: None, or a tuple (m,): called as `net(x, context=c)` with c (batch, m), which is mapped linearly
            and added to each token. Of one-hot labels that is an embedding of the classes.
        output_initializer: Keras initializer of the last kernel.
        dtype: Keras dtype or dtype policy of this layer and all within it.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where event_shape is none of two tokens at least, a number is no positive integer, the heads do not
            divide the channels, or a context is missing or not wanted.

    Example:
        >>> from tfp_flows.networks import CausalTransformer
        >>> net = CausalTransformer((4, 2), channels=8, num_layers=1, output_initializer="glorot_uniform")
        >>> a, b = np.zeros([2, 1, 4, 2], "float32")
        >>> b[0, 1] = 1.0
        >>> (net(a) == net(b)).numpy().all((0, 2, 3)).tolist()
        [True, True, False, False]
    """

    def __init__(
        self,
        event_shape: tuple[int, int],
        num_params: int = 2,
        channels: int = 128,
        num_layers: int = 4,
        num_heads: int | None = None,
        reverse: bool = False,
        context_shape: tuple[int, ...] | None = None,
        output_initializer: str | keras.Initializer = "zeros",
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(
            True, event_shape, num_params, channels, num_layers, num_heads, context_shape, output_initializer, dtype,
            **kwargs,
        )  # fmt: skip
        if self.event_shape[0] < 2:
            raise ValueError(f"Expected at least two tokens, the first of which passes as it is; got {event_shape!r}.")
        self.reverse = bool(reverse)

    @counted_by_nothing()
    def build(self, input_shape: tuple | None = None) -> None:
        self.trunk.build()

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        require_context(context, self.context_shape)
        tokens = self._turned(tf.cast(x, self.compute_dtype), axis=1)
        # What the last token gives is of no token that comes after it.
        positions = self._turned(self.trunk.embedded_positions(), axis=0)[:-1]
        raw = self.trunk.apply(tokens[:, :-1], self.trunk.embedded_context(context), positions)
        raw = tf.pad(raw, [[0, 0], [1, 0], [0, 0]])
        return self._turned(tf.reshape(raw, [-1, *self.event_shape, self.num_params]), axis=1)

    @property
    def num_sequential_steps(self) -> int:
        """int, the tokens: the numbers of one do not depend on each other."""
        return self.event_shape[0]

    @property
    def progress(self) -> np.ndarray:
        """Array (length, 1): how far in the order each token comes, from 0 of the first to 1 of the last."""
        way = np.linspace(0.0, 1.0, self.event_shape[0])[:, np.newaxis]
        return way[::-1] if self.reverse else way

    def solve(self, step: Callable, z: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """y with y_i = step(z_i, raw_i(y)), token after token, with the keys and values of those before kept.

        Args:
            step: function of z_i (batch, size) and raw_i (batch, size, num_params), elementwise, that gives y_i.
            z: tensor (batch, length, size).
            context: tensor (batch, m), or None.

        Returns:
            tensor (batch, length, size).
        """
        require_context(context, self.context_shape)
        if not self.built:
            self.build()
        dtype, (length, size) = self.compute_dtype, self.event_shape
        added = self.trunk.embedded_context(context)
        positions = self._turned(self.trunk.embedded_positions(), axis=0)
        tokens = self._turned(tf.transpose(z, [1, 0, 2]), axis=0)  # (length, batch, size)

        def next_token(t, raw):
            raw = tf.reshape(tf.cast(raw, z.dtype), [-1, size, self.num_params])
            return tf.ensure_shape(step(tokens[t], raw), [z.shape[0], size])

        def body(t, y, caches, written):
            raw, caches = self.trunk.apply_next(tf.cast(y, dtype), t, caches, added, positions)
            y = next_token(t + 1, raw)
            return t + 1, y, caches, written.write(t + 1, y)

        batch = tf.shape(z)[0]
        first = next_token(0, tf.zeros([batch, size * self.num_params], dtype))
        written = tf.TensorArray(z.dtype, length, element_shape=[z.shape[0], size]).write(0, first)
        state = (0, first, self.trunk.empty_caches(batch, length - 1), written)
        written = tf.while_loop(lambda t, *_: t < length - 1, body, state, maximum_iterations=length - 1)[3]
        y = tf.transpose(self._turned(written.stack(), axis=0), [1, 0, 2])
        return tf.ensure_shape(y, [z.shape[0], length, size])

    def _turned(self, values, axis):
        """Tokens along an axis in the order of the conditionals; and back again."""
        return tf.reverse(values, [axis]) if self.reverse else values

    def compute_output_shape(self, input_shape: tuple, **_) -> tuple:
        return (*input_shape, self.num_params)

    def get_config(self) -> dict:
        return {**super().get_config(), "reverse": self.reverse}
