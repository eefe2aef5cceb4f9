"""Flow++'s conditioner: gated convolutions and gated self-attention over all pixels, in turn.

    elu2(h) = (elu(h), elu(-h))                                          twice the channels
    h_0 = conv3x3(x) [+ W context]                                       (height, width, hidden_channels)
    (a, g) = conv1x1(dropout(elu2(conv3x3(elu2(h)))))                    h <- norm(h + a sigmoid(g))
    (a, g) = W attend(W_qkv (h + p))                                     h <- norm(h + a sigmoid(g))
    out = conv3x3(h)                                                     0 at the start

p are learned positions, one row of channels a pixel, the same in all blocks; norm is layer normalisation over channels;
convolutions within are weight-normalised. A context image becomes further channels of x.
Ho, Chen, Srinivas, Duan and Abbeel, Flow++, arXiv:1902.00275, section 3.3.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks.attention import attend
from tfp_flows.networks.conditioning import beside, check_context_shape, require_context, squeeze_factor
from tfp_flows.networks.weight_norm import WeightNormConv2D
from tfp_flows.numerics.tensors import is_positive_integer


@keras.saving.register_keras_serializable(package="tfp_flows")
class GatedAttention(keras.layers.Layer):
    """(batch, height, width, channels) -> (batch, height, width, num_outputs), NHWC.

    Args:
        num_outputs: int, channels of the output.
        hidden_channels: int.
        num_blocks: int, of a gated convolution and a gated attention each.
        num_heads: int, which divides the channels.
        dropout: float in [0, 1), in training.
        context_shape: None, or a tuple: called as `net(x, context=c)`, see `networks.ConvNet`.
        output_initializer: Keras initializer of the last kernel.
        dtype: Keras dtype or dtype policy of this layer and all within it.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where a number is no positive integer, the heads do not divide the channels, dropout is out of its
            range, or a context is missing or not wanted.

    Example:
        >>> from tfp_flows.networks import GatedAttention
        >>> GatedAttention(4, hidden_channels=8, num_blocks=1, num_heads=2)(tf.ones([5, 6, 6, 2])).shape.as_list()
        [5, 6, 6, 4]
    """

    # Takes images, not flat vectors: `bijectors.Coupling` asks.
    event_ndims = 3

    def __init__(
        self,
        num_outputs: int,
        hidden_channels: int = 96,
        num_blocks: int = 10,
        num_heads: int = 4,
        dropout: float = 0.0,
        context_shape: tuple[int, ...] | None = None,
        output_initializer: str | keras.Initializer = "zeros",
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        sizes = dict(
            num_outputs=num_outputs, hidden_channels=hidden_channels, num_blocks=num_blocks, num_heads=num_heads
        )
        for key, value in sizes.items():
            if not is_positive_integer(value):
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
            setattr(self, key, int(value))
        if hidden_channels % num_heads:
            raise ValueError(f"Expected num_heads to divide {hidden_channels} channels; got {num_heads}.")
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
            raise ValueError(f"Expected dropout in [0, 1); got {dropout!r}.")
        self.dropout = float(dropout)
        self.context_shape = check_context_shape(context_shape, images=True)
        self.output_initializer = keras.initializers.get(output_initializer)
        policy, width = self.dtype_policy, self.hidden_channels
        self._first = WeightNormConv2D(width, dtype=policy, name="first")
        self._convs, self._mixings = [], []
        for i in range(self.num_blocks):
            self._convs.append(_GatedConv(width, self.dropout, policy, f"conv_{i}"))
            self._mixings.append(_GatedMixing(width, self.num_heads, policy, f"attention_{i}"))
        self._output = keras.layers.Conv2D(
            self.num_outputs, 3, padding="same", kernel_initializer=self.output_initializer, dtype=policy,
            data_format="channels_last", name="output",
        )  # fmt: skip
        self._context = self._factor = None
        if self.context_shape is not None and len(self.context_shape) == 1:
            self._context = keras.layers.Dense(width, use_bias=False, dtype=policy, name="context")

    @counted_by_nothing()
    def build(self, input_shape: tuple) -> None:
        shape = tuple(input_shape)
        if self.context_shape is not None and self._context is None:
            self._factor = squeeze_factor(shape[1:], self.context_shape)
            shape = (*shape[:-1], shape[-1] + self._factor**2 * self.context_shape[-1])
        self._first.build(shape)
        inner = (*shape[:-1], self.hidden_channels)
        for block in (*self._convs, *self._mixings):
            block.build(inner)
        small = keras.initializers.RandomNormal(stddev=0.01)
        self.positions = self.add_weight(shape=inner[1:], initializer=small, name="positions")
        self._output.build(inner)
        if self._context is not None:
            self._context.build((None, *self.context_shape))

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None, training: bool | None = None) -> tf.Tensor:
        require_context(context, self.context_shape)
        if self._factor is not None:
            x = beside(x, tf.cast(context, x.dtype), self._factor)
        h = self._first(x)
        if self._context is not None:
            h = h + self._context(context)[:, None, None, :]
        for conv, mixing in zip(self._convs, self._mixings):
            h = mixing(conv(h, training=training), self.positions)
        return self._output(h)

    def compute_output_shape(self, input_shape: tuple, **_) -> tuple:
        return (*input_shape[:-1], self.num_outputs)

    def get_config(self) -> dict:
        keys = ("num_outputs", "hidden_channels", "num_blocks", "num_heads", "dropout", "context_shape")
        return {
            **super().get_config(),
            **{key: getattr(self, key) for key in keys},
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }


def _elu2(h):
    """Both signs of what passes keep a gradient."""
    return keras.ops.concatenate([keras.ops.elu(h), keras.ops.elu(-h)], axis=-1)


def _gated(h, both):
    a, g = keras.ops.split(both, 2, axis=-1)
    return h + a * keras.ops.sigmoid(g)


class _GatedConv(keras.layers.Layer):
    """h (batch, height, width, channels) -> the same shape, convolved."""

    def __init__(self, channels, dropout, dtype, name):
        super().__init__(dtype=dtype, name=name)
        self.channels = channels
        self._convs = [
            WeightNormConv2D(channels, dtype=dtype, name="conv_0"),
            WeightNormConv2D(2 * channels, kernel_size=1, dtype=dtype, name="conv_1"),
        ]
        self._dropout = keras.layers.Dropout(dropout, dtype=dtype, name="dropout") if dropout else None
        self._norm = keras.layers.LayerNormalization(dtype=dtype, name="norm")

    def build(self, input_shape):
        for conv in self._convs:
            conv.build((*input_shape[:-1], 2 * self.channels))
        self._norm.build(input_shape)

    def call(self, h, training=None):
        inner = _elu2(self._convs[0](_elu2(h)))
        if self._dropout is not None:
            inner = self._dropout(inner, training=training)
        return self._norm(_gated(h, self._convs[1](inner)))

    def compute_output_shape(self, input_shape):
        return input_shape


class _GatedMixing(keras.layers.Layer):
    """h (batch, height, width, channels) -> the same shape, each pixel mixed with all."""

    def __init__(self, channels, num_heads, dtype, name):
        super().__init__(dtype=dtype, name=name)
        self.num_heads = num_heads
        self._qkv = keras.layers.Dense(3 * channels, use_bias=False, dtype=dtype, name="qkv")
        self._out = keras.layers.Dense(2 * channels, dtype=dtype, name="out")
        self._norm = keras.layers.LayerNormalization(dtype=dtype, name="norm")

    def build(self, input_shape):
        for layer in (self._qkv, self._out, self._norm):
            layer.build(input_shape)

    def call(self, h, positions):
        _, height, width, channels = h.shape
        rows = tf.reshape(h + tf.cast(positions, h.dtype), [-1, height * width, channels])
        mixed = attend(self._qkv(rows), self.num_heads)
        return self._norm(_gated(h, tf.reshape(self._out(mixed), [-1, height, width, 2 * channels])))

    def compute_output_shape(self, input_shape):
        return input_shape
