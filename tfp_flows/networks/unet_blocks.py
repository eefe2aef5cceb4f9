"""The parts of a U-Net: residual blocks that know the time, and self-attention over all pixels. Equations: `unet`."""

import math

import keras

from tfp_flows.networks.attention import attend

# Channels of a group at least, where there are so many.
_GROUP = 4


def norm(channels, dtype, name):
    """Group normalisation of at most 32 groups of at least four channels.

    Args:
        channels: int.
        dtype: Keras dtype policy.
        name: str.
    """
    groups = math.gcd(32, channels)
    while groups > 1 and channels // groups < _GROUP:
        groups //= 2
    return keras.layers.GroupNormalization(groups, axis=-1, dtype=dtype, name=name)


def conv(channels, dtype, name, kernel_size=3, strides=1, zero_init=False):
    """A convolution that keeps height and width, or halves them.

    Args:
        channels, kernel_size, strides: ints.
        dtype: Keras dtype policy.
        name: str.
        zero_init: bool, whether it gives 0 at the start.
    """
    return keras.layers.Conv2D(
        channels, kernel_size, strides, padding="same", data_format="channels_last",
        kernel_initializer="zeros" if zero_init else "glorot_uniform", dtype=dtype, name=name,
    )  # fmt: skip


class Block(keras.layers.Layer):
    """h (batch, height, width, c) and tau (batch, m) -> (batch, height, width, channels).

    Args:
        channels: int.
        dropout: float in [0, 1).
        dtype: Keras dtype policy.
        name: str.
    """

    def __init__(self, channels, dropout, dtype, name):
        super().__init__(dtype=dtype, name=name)
        self.channels, self._policy = channels, dtype
        self._convs = [conv(channels, dtype, "conv_0"), conv(channels, dtype, "conv_1", zero_init=True)]
        self._time = keras.layers.Dense(2 * channels, kernel_initializer="zeros", dtype=dtype, name="time")
        self._skip = None
        self._dropout = keras.layers.Dropout(dropout, dtype=dtype, name="dropout") if dropout else None

    def build(self, h_shape, tau_shape):
        inner = (*h_shape[:-1], self.channels)
        self._norms = [norm(shape[-1], self._policy, f"norm_{i}") for i, shape in enumerate((h_shape, inner))]
        for layers, shape in zip(zip(self._norms, self._convs), (h_shape, inner)):
            for layer in layers:
                layer.build(shape)
        self._time.build(tau_shape)
        if h_shape[-1] != self.channels:
            self._skip = conv(self.channels, self._policy, "skip", kernel_size=1)
            self._skip.build(h_shape)

    def call(self, h, tau, training=None):
        ops = keras.ops
        inner = self._norms[1](self._convs[0](ops.silu(self._norms[0](h))))
        scale, shift = ops.split(self._time(tau)[:, None, None, :], 2, axis=-1)
        inner = ops.silu(inner * (1 + scale) + shift)
        if self._dropout is not None:
            inner = self._dropout(inner, training=training)
        return (h if self._skip is None else self._skip(h)) + self._convs[1](inner)

    def compute_output_shape(self, h_shape, tau_shape):
        return (*h_shape[:-1], self.channels)


class Attention(keras.layers.Layer):
    """Self-attention over the pixels of an image (batch, height, width, channels), added to it.

    Args:
        num_heads: int, which divides the channels.
        dtype: Keras dtype policy.
        name: str.
    """

    def __init__(self, num_heads, dtype, name):
        super().__init__(dtype=dtype, name=name)
        self.num_heads, self._policy = num_heads, dtype

    def build(self, input_shape):
        channels = input_shape[-1]
        self._norm = norm(channels, self._policy, "norm")
        self._qkv = keras.layers.Dense(3 * channels, dtype=self._policy, name="qkv")
        self._output = keras.layers.Dense(channels, kernel_initializer="zeros", dtype=self._policy, name="output")
        for layer in (self._norm, self._qkv, self._output):
            layer.build(input_shape)

    def call(self, h):
        _, height, width, channels = h.shape
        pixels = keras.ops.reshape(self._qkv(self._norm(h)), (-1, height * width, 3 * channels))
        mixed = keras.ops.reshape(attend(pixels, self.num_heads), (-1, height, width, channels))
        return h + self._output(mixed)

    def compute_output_shape(self, input_shape):
        return input_shape
