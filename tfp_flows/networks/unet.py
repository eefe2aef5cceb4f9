"""A U-Net of an image and a time: the velocity, or the score, of images.

    tau = W_2 swish(W_1 waves(t)) + C context                                      one vector an image
    down   level i: num_blocks blocks of hidden_channels * multipliers[i], then a convolution of stride 2
    middle block, attention, block
    up     the same levels in reverse, num_blocks + 1 blocks each, of what came up beside what went down
    block  h + conv(dropout(swish(norm(conv(swish(norm(h))) (1 + a) + b))))),   a, b = W swish(tau), 0 at the start
    attention, at chosen levels and in the middle:   h + W_o softmax(q k / sqrt(d)) v,   W_o = 0 at the start
    out = conv(swish(norm(h))),   0 at the start

norm is group normalisation. With a patch size p, blocks of p x p pixels become channels first and pixels again at last.
Ronneberger, Fischer and Brox, arXiv:1505.04597; Ho, Jain and Abbeel, arXiv:2006.11239, appendix B; Dhariwal and Nichol,
arXiv:2105.05233, section 3 (the scale and shift by the time).
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks.conditioning import check_context_shape, require_context
from tfp_flows.networks.unet_blocks import Attention, Block, conv, norm
from tfp_flows.numerics.tensors import as_tuple, check_shape, is_positive_integer

# Radians a unit of time of the fastest wave, the slowest having 1. DDPM's have 1,000: a field that may turn so quickly
# costs a solver by tolerance as many steps.
_FASTEST = 100.0


@keras.saving.register_keras_serializable(package="tfp_flows")
class UNet(keras.layers.Layer):
    """Called as `net(x, t)` or `net(x, t, context=c)`, NHWC; returns what x is shaped as, zero at the start.

    Args:
        image_shape: tuple (height, width, channels) of ints.
        hidden_channels: int, of the first level.
        multipliers: sequence of ints, of the channels of each level; height and width halve from one to the next.
        num_blocks: int, residual blocks of each level on the way down; one more on the way up.
        attention_levels: sequence of ints, from 0, the image's own size, of the levels with self-attention after each
            block; the middle has one always.
        num_heads: int, of each attention.
        patch_size: int, blocks of so many pixels squared are one pixel of the first level.
        dropout: float in [0, 1), within the blocks, in training.
        context_shape: None, or a tuple (m,).
        dtype: Keras dtype or dtype policy of this layer and all within it.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where a size is not a positive integer, height or width cannot be halved so often, an attention's
            level is none or its channels are not a multiple of the heads, dropout is out of its range, or context is
            missing or not wanted.

    Example:
        >>> from tfp_flows.networks import UNet
        >>> net = UNet((8, 8, 1), hidden_channels=8, multipliers=(1, 2), num_blocks=1)
        >>> net(tf.ones([5, 8, 8, 1]), tf.zeros([5])).shape.as_list()
        [5, 8, 8, 1]
    """

    event_ndims = 3

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        hidden_channels: int = 32,
        multipliers: Sequence[int] = (1, 2, 2),
        num_blocks: int = 1,
        attention_levels: Sequence[int] = (),
        num_heads: int = 4,
        patch_size: int = 1,
        dropout: float = 0.0,
        context_shape: tuple[int, ...] | None = None,
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        self.image_shape = check_shape(image_shape, "image_shape")
        multipliers, levels = as_tuple(multipliers), as_tuple(attention_levels)
        sizes = dict(hidden_channels=hidden_channels, num_blocks=num_blocks, num_heads=num_heads, patch_size=patch_size)
        for key, value in sizes.items():
            if not is_positive_integer(value):
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
            # Python's own, since NumPy's are no JSON.
            setattr(self, key, int(value))
        if not multipliers or not all(map(is_positive_integer, multipliers)):
            raise ValueError(f"Expected multipliers to be positive integers; got {multipliers!r}.")
        self.multipliers = tuple(map(int, multipliers))
        known = range(len(multipliers))
        if not all(isinstance(level, int) and level in known for level in levels):
            raise ValueError(f"Expected attention_levels from 0 to {known[-1]}; got {levels!r}.")
        self.attention_levels = tuple(map(int, levels))
        if isinstance(dropout, bool) or not 0 <= dropout < 1:
            raise ValueError(f"Expected dropout of at least 0 and below 1; got {dropout!r}.")
        self.dropout = float(dropout)
        self.context_shape = check_context_shape(context_shape)
        self._check_sizes()
        self._make()

    def _check_sizes(self):
        if len(self.image_shape) != 3:
            raise ValueError(f"Expected image_shape (height, width, channels); got {self.image_shape}.")
        factor = self.patch_size * 2 ** (len(self.multipliers) - 1)
        height, width, _ = self.image_shape
        if height % factor or width % factor:
            raise ValueError(
                f"Expected height and width that are multiples of {factor}, for {len(self.multipliers)} levels and "
                f"patches of {self.patch_size}; got {height} x {width}."
            )
        for level in {*self.attention_levels, len(self.multipliers) - 1}:
            width = self.hidden_channels * self.multipliers[level]
            if width % self.num_heads:
                raise ValueError(f"Expected channels that are a multiple of num_heads={self.num_heads}; got {width}.")

    def _make(self):
        policy, width = self.dtype_policy, self.hidden_channels
        widths = [width * m for m in self.multipliers]
        block = lambda n, name: Block(n, self.dropout, dtype=policy, name=name)
        attention = lambda level, name: (
            Attention(self.num_heads, dtype=policy, name=name) if level in self.attention_levels else None
        )
        dense = lambda n, name, **options: keras.layers.Dense(n, dtype=policy, name=name, **options)
        self._num_waves = max(width // 2, 1)
        self._times = [dense(4 * width, "time_0"), dense(4 * width, "time_1")]
        self._context = None if self.context_shape is None else dense(4 * width, "context", use_bias=False)
        self._first = conv(width, policy, "first")
        self._down, self._halve, self._up, self._double = [], [], [], []
        for i, n in enumerate(widths):
            steps = range(self.num_blocks)
            self._down.append([(block(n, f"down_{i}_{k}"), attention(i, f"down_attention_{i}_{k}")) for k in steps])
            if i < len(widths) - 1:
                self._halve.append(conv(n, policy, f"halve_{i}", strides=2))
        self._middle = [block(widths[-1], "middle_0"), block(widths[-1], "middle_1")]
        self._middle_attention = Attention(self.num_heads, dtype=policy, name="middle_attention")
        for i, n in reversed(list(enumerate(widths))):
            steps = range(self.num_blocks + 1)
            self._up.append([(block(n, f"up_{i}_{k}"), attention(i, f"up_attention_{i}_{k}")) for k in steps])
            if i:
                self._double.append(conv(n, policy, f"double_{i}"))
        self._norm = norm(widths[0], policy, "norm")
        self._output = conv(self.image_shape[-1] * self.patch_size**2, policy, "output", zero_init=True)

    @counted_by_nothing()
    def build(self, input_shape: tuple) -> None:
        if tuple(input_shape[1:]) != self.image_shape:
            raise ValueError(f"Expected images of shape {self.image_shape} in {self.name!r}; got {input_shape[1:]}.")
        height, width, channels = self.image_shape
        p, tau = self.patch_size, (None, 4 * self.hidden_channels)
        sizes = [(height // p // 2**i, width // p // 2**i) for i in range(len(self.multipliers))]
        self._first.build((None, *sizes[0], channels * p**2))
        self._times[0].build((None, 2 * self._num_waves))
        self._times[1].build(tau)
        if self._context is not None:
            self._context.build((None, *self.context_shape))
        n, kept = self.hidden_channels, [self.hidden_channels]

        def build_level(level, size, n, take):
            for block, attention in level:
                block.build((None, *size, n + take()), tau)
                n = block.channels
                if attention is not None:
                    attention.build((None, *size, n))
                yield n

        for i, (level, size) in enumerate(zip(self._down, sizes)):
            for n in build_level(level, size, n, lambda: 0):
                kept.append(n)
            if i < len(self._halve):
                self._halve[i].build((None, *size, n))
                kept.append(n)
        for layer in self._middle:
            layer.build((None, *sizes[-1], n), tau)
        self._middle_attention.build((None, *sizes[-1], n))
        for i, (level, size) in enumerate(zip(self._up, reversed(sizes))):
            for n in build_level(level, size, n, kept.pop):
                pass
            if i < len(self._double):
                self._double[i].build((None, *sizes[-2 - i], n))
        for layer in (self._norm, self._output):
            layer.build((None, *sizes[0], n))

    def call(
        self, x: tf.Tensor, t: tf.Tensor, context: tf.Tensor | None = None, training: bool | None = None
    ) -> tf.Tensor:
        """The output (batch, height, width, channels) at x of that shape and t (batch,)."""
        require_context(context, self.context_shape)
        return self._walk(x, t, context, training)

    def _walk(self, x, t, context, training=None):
        ops = keras.ops
        h = self._first(_squeezed(ops.cast(x, self.compute_dtype), self.patch_size))
        tau = self._times[1](ops.silu(self._times[0](self._waves(ops.cast(t, self.compute_dtype)))))
        if context is not None:
            tau = tau + self._context(ops.cast(context, self.compute_dtype))
        tau = ops.silu(tau)
        kept = [h]
        for i, level in enumerate(self._down):
            for block, attention in level:
                h = block(h, tau, training=training)
                h = h if attention is None else attention(h)
                kept.append(h)
            if i < len(self._halve):
                h = self._halve[i](h)
                kept.append(h)
        h = self._middle[0](h, tau, training=training)
        h = self._middle[1](self._middle_attention(h), tau, training=training)
        for i, level in enumerate(self._up):
            for block, attention in level:
                h = block(ops.concatenate([h, kept.pop()], axis=-1), tau, training=training)
                h = h if attention is None else attention(h)
            if i < len(self._double):
                h = self._double[i](ops.repeat(ops.repeat(h, 2, axis=1), 2, axis=2))
        return _unsqueezed(self._output(ops.silu(self._norm(h))), self.patch_size)

    def _waves(self, t):
        """Sines and cosines of the time (batch, 2 n), of geometric frequencies."""
        n = self._num_waves
        frequencies = [_FASTEST ** (k / max(n - 1, 1)) for k in range(n)]
        angles = keras.ops.reshape(t, (-1, 1)) * keras.ops.convert_to_tensor([frequencies], t.dtype)
        return keras.ops.concatenate([keras.ops.sin(angles), keras.ops.cos(angles)], axis=-1)

    def compute_output_shape(self, input_shape: tuple, *_, **__) -> tuple:
        return tuple(input_shape)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "image_shape": self.image_shape,
            "hidden_channels": self.hidden_channels,
            "multipliers": self.multipliers,
            "num_blocks": self.num_blocks,
            "attention_levels": self.attention_levels,
            "num_heads": self.num_heads,
            "patch_size": self.patch_size,
            "dropout": self.dropout,
            "context_shape": self.context_shape,
        }


def _squeezed(x, p):
    """(batch, height, width, c) -> (batch, height / p, width / p, p p c)."""
    if p == 1:
        return x
    _, height, width, c = x.shape
    x = keras.ops.reshape(x, (-1, height // p, p, width // p, p, c))
    return keras.ops.reshape(keras.ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height // p, width // p, p * p * c))


def _unsqueezed(h, p):
    if p == 1:
        return h
    _, height, width, c = h.shape
    h = keras.ops.reshape(h, (-1, height, width, p, p, c // (p * p)))
    return keras.ops.reshape(keras.ops.transpose(h, (0, 1, 3, 2, 4, 5)), (-1, height * p, width * p, c // (p * p)))
