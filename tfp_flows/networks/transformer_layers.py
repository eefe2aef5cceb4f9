"""The parts of a transformer: a layer of attention and of an MLP, and a trunk of several between two linear maps.

    h = W x_i + b + p_i [+ C context]                               a row of channels numbers a token
    num_layers times   h += W_o attend(W_qkv norm(h)),   h += W_2 gelu(W_1 norm(h))
    out = W [norm](h) + b,   0 at the start

Causal, out_i depends on x_1..x_i alone, and comes token after token where the keys and values of those before are kept.
Normalised first (arXiv:2002.04745), in float32 at least. Vaswani et al., arXiv:1706.03762, section 3; tokens of images
as Dosovitskiy et al., arXiv:2010.11929, section 3.1.
"""

import keras
import tensorflow as tf

from tfp_flows.networks.attention import attend, attend_next, empty_cache
from tfp_flows.networks.conditioning import check_context_shape
from tfp_flows.networks.precision import cast_weight
from tfp_flows.numerics.tensors import check_shape, is_positive_integer

# Hidden units of the MLP a channel, as published.
_MLP_RATIO = 4
# Channels of a head, where their number is not said.
_HEAD = 64
# Of the positions and of what the context adds.
_SMALL = 0.01
_EPSILON = 1e-5


class Dense(keras.layers.Layer):
    """W x + b over the last axis, in `call` and out of it.

    Args:
        units: int.
        dtype: Keras dtype policy.
        name: str.
        initializer: Keras initializer of W.
        use_bias: bool.
    """

    def __init__(self, units, dtype, name, initializer="glorot_uniform", use_bias=True):
        super().__init__(dtype=dtype, name=name)
        self.units, self.use_bias, self.initializer = units, use_bias, initializer

    def build(self, size):
        self.kernel = self.add_weight(shape=(size, self.units), initializer=self.initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias") if self.use_bias else None

    def apply(self, values):
        """Tensor (..., size) -> (..., units)."""
        product = tf.tensordot(values, cast_weight(self, self.kernel), 1)
        return product if self.bias is None else product + cast_weight(self, self.bias)


class Norm(keras.layers.Layer):
    """Layer normalisation over the last axis.

    Args:
        dtype: Keras dtype policy.
        name: str.
    """

    def build(self, size):
        self.scale = self.add_weight(shape=(size,), initializer="ones", name="scale")
        self.shift = self.add_weight(shape=(size,), initializer="zeros", name="shift")

    def apply(self, values):
        """Tensor (..., size) -> the same shape and dtype."""
        exact = tf.cast(values, self.variable_dtype)
        centred = exact - tf.reduce_mean(exact, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        scale, shift = (tf.cast(tf.convert_to_tensor(w), exact.dtype) for w in (self.scale, self.shift))
        return tf.cast(centred * tf.math.rsqrt(variance + _EPSILON) * scale + shift, values.dtype)


class TransformerLayer(keras.layers.Layer):
    """h (batch, length, channels) -> the same shape.

    Args:
        channels: int.
        num_heads: int, which divides the channels.
        is_causal: bool.
        dtype: Keras dtype policy.
        name: str.
    """

    def __init__(self, channels, num_heads, is_causal, dtype, name):
        super().__init__(dtype=dtype, name=name)
        self.channels, self.num_heads, self.is_causal = channels, num_heads, is_causal
        self.norms = [Norm(dtype=dtype, name=f"norm_{i}") for i in range(2)]
        self.qkv, self.mixed = Dense(3 * channels, dtype, "qkv"), Dense(channels, dtype, "mixed")
        self.mlp = [Dense(_MLP_RATIO * channels, dtype, "mlp_0"), Dense(channels, dtype, "mlp_1")]

    def build(self, size):
        for layer in (*self.norms, self.qkv, self.mixed, self.mlp[0]):
            layer.build(size)
        self.mlp[1].build(_MLP_RATIO * size)

    def apply(self, h):
        """All rows at once."""
        h += self.mixed.apply(attend(self.qkv.apply(self.norms[0].apply(h)), self.num_heads, self.is_causal))
        return self._after(h)

    def apply_next(self, h, t, cache):
        """Row t, (batch, channels), and its cache, see `attention.attend_next`."""
        mixed, cache = attend_next(self.qkv.apply(self.norms[0].apply(h)), t, cache, self.num_heads)
        return self._after(h + self.mixed.apply(mixed)), cache

    def _after(self, h):
        hidden = tf.nn.gelu(self.mlp[0].apply(self.norms[1].apply(h)), approximate=False)
        return h + self.mlp[1].apply(hidden)


class Trunk(keras.layers.Layer):
    """Tokens (batch, length, size) -> (batch, length, num_outputs).

    Args:
        length, size: ints, of the tokens.
        num_outputs: int, a token.
        channels, num_layers, num_heads: ints.
        is_causal: bool; where it is not, what comes out is normalised once more.
        context_size: int, or None.
        output_initializer: Keras initializer of the last kernel.
        dtype: Keras dtype policy.
        name: str.
    """

    def __init__(
        self, length, size, num_outputs, channels, num_layers, num_heads, is_causal, context_size, output_initializer,
        dtype, name="trunk",
    ):  # fmt: skip
        super().__init__(dtype=dtype, name=name)
        self.length, self.size, self.channels, self.context_size = length, size, channels, context_size
        self.embedding = Dense(channels, dtype, "embedding")
        small = keras.initializers.RandomNormal(stddev=_SMALL)
        self.context = None if context_size is None else Dense(channels, dtype, "context", small, use_bias=False)
        self.blocks = [TransformerLayer(channels, num_heads, is_causal, dtype, f"layer_{k}") for k in range(num_layers)]
        self.norm = None if is_causal else Norm(dtype=dtype, name="norm")
        self.output_map = Dense(num_outputs, dtype, "output", output_initializer)

    def build(self, input_shape=None):
        small = keras.initializers.RandomNormal(stddev=_SMALL if self.norm is None else self.channels**-0.5)
        self.positions = self.add_weight(shape=(self.length, self.channels), initializer=small, name="positions")
        self.embedding.build(self.size)
        if self.context is not None:
            self.context.build(self.context_size)
        for layer in (*self.blocks, self.output_map, *([] if self.norm is None else [self.norm])):
            layer.build(self.channels)

    def apply(self, tokens, added, positions):
        """Outputs of tokens (batch, n, size) at positions (n, channels); `added` is what `embedded_context` gave."""
        h = self.embedding.apply(tokens) + positions
        h = h if added is None else h + added[:, tf.newaxis]
        for block in self.blocks:
            h = block.apply(h)
        return self.output_map.apply(h if self.norm is None else self.norm.apply(h))

    def apply_next(self, token, t, caches, added, positions):
        """Outputs (batch, num_outputs) of token t, (batch, size), of a causal trunk, and the caches with it."""
        h = self.embedding.apply(token) + positions[t]
        h = h if added is None else h + added
        kept = []
        for block, cache in zip(self.blocks, caches):
            h, cache = block.apply_next(h, t, cache)
            kept.append(cache)
        return self.output_map.apply(h), tuple(kept)

    def empty_caches(self, batch, length):
        """Those of each layer, for so many tokens."""
        return tuple(
            empty_cache(batch, length, self.channels, block.num_heads, self.compute_dtype) for block in self.blocks
        )

    def embedded_context(self, context):
        """A context (batch, context_size), or None, as what is added to each token, (batch, channels), or None."""
        return None if context is None else self.context.apply(tf.cast(context, self.compute_dtype))

    def embedded_positions(self):
        """(length, channels), in the order of the event."""
        return cast_weight(self, self.positions)


class TokenNetwork(keras.layers.Layer):
    """Abstract: a network of tokens, as `networks.Transformer` and `networks.CausalTransformer`, around a trunk.

    Args:
        is_causal: bool.
        event_shape, num_params, channels, num_layers, num_heads, context_shape, output_initializer, dtype, kwargs: as
            of both.
    """

    def __init__(
        self, is_causal, event_shape, num_params, channels, num_layers, num_heads, context_shape, output_initializer,
        dtype, **kwargs,
    ):  # fmt: skip
        super().__init__(dtype=dtype, **kwargs)
        sizes = _check_sizes(event_shape, num_params, channels, num_layers, num_heads)
        self.event_shape, self.num_params, self.channels, self.num_layers, self.num_heads = sizes
        length, size = self.event_shape
        self.context_shape = check_context_shape(context_shape)
        self.output_initializer = keras.initializers.get(output_initializer)
        self.trunk = Trunk(
            length, size, size * self.num_params, self.channels, self.num_layers, self.num_heads, is_causal,
            None if self.context_shape is None else self.context_shape[0], self.output_initializer, self.dtype_policy,
        )  # fmt: skip

    def get_config(self):
        keys = ("event_shape", "num_params", "channels", "num_layers", "num_heads", "context_shape")
        return {
            **super().get_config(),
            **{key: getattr(self, key) for key in keys},
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }


def _check_sizes(event_shape, num_params, channels, num_layers, num_heads):
    """The sizes of a transformer as ints, (length, size), num_params, channels, num_layers, num_heads.

    Args:
        event_shape: tuple (length, size), of the tokens.
        num_params, channels, num_layers: ints.
        num_heads: int, or None for heads of 64 channels, and for one where there are less.

    Raises:
        ValueError: where one is no positive integer, or the heads do not divide the channels.
    """
    if not isinstance(event_shape, (tuple, list)) or len(event_shape) != 2:
        raise ValueError(f"Expected event_shape (length, size), of tokens; got {event_shape!r}.")
    shape = check_shape(event_shape)
    numbers = dict(num_params=num_params, channels=channels, num_layers=num_layers)
    if num_heads is not None:
        numbers["num_heads"] = num_heads
    for key, value in numbers.items():
        if not is_positive_integer(value):
            raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
    num_heads = max(channels // _HEAD, 1) if num_heads is None else num_heads
    if channels % num_heads:
        raise ValueError(f"Expected channels that are a multiple of num_heads={num_heads}; got {channels}.")
    return shape, int(num_params), int(channels), int(num_layers), int(num_heads)
