"""RealNVP's convolutional conditioner: pre-activation residual blocks whose outputs are all summed.

h_0 = conv(x) + W context                                                 (height, width, hidden_channels)
h_k = h_{k-1} + conv(relu(norm(conv(relu(norm(h_{k-1}))))))
out = conv1x1(relu(norm(sum_k conv1x1_k(h_k)))),   0 at the start         (height, width, num_outputs)

norm is batch normalisation and every conv is weight-normalised, both optional.
Dinh, Sohl-Dickstein and Bengio, RealNVP, arXiv:1605.08803, sections 3.7 and 4.1, whose published code sums the skip
connections; He et al., arXiv:1603.05027 (the blocks); Salimans and Kingma, arXiv:1602.07868 (weight normalisation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks.conditioning import check_context_shape, require_context
from tfp_flows.networks.weight_norm import WeightNormConv2D
from tfp_flows.numerics.tensors import is_positive_integer

if TYPE_CHECKING:
    import tensorflow as tf

# RealNVP's published code; Keras' 0.99 leaves a short training to be scored by statistics of its start.
_MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="tfp_flows")
class ResNet(keras.layers.Layer):
    """A residual convolutional network, NHWC: (batch, h, w, c) -> (batch, h, w, num_outputs), zero at the start.

    Batch normalisation follows Keras' `training`: statistics of the batch inside `fit`, running ones elsewhere.

    Args:
        num_outputs: int, channels of the output.
        hidden_channels: int.
        num_blocks: int, residual blocks of two convolutions each.
        kernel_size: int, of all convolutions but the 1x1 of the skip connections and of the output.
        context_shape: None, or a tuple (n,): called as `net(x, context=c)` with c (batch, n), which is mapped linearly
            and added at every pixel after the first convolution.
        batch_norm: bool.
        weight_norm: bool.
        scale_penalty: float >= 0, of the squares of weight normalisation's lengths, added to the loss while training
            (the paper's section 4.1 has 5e-5, in nats per event).
        dtype: Keras dtype or dtype policy of this layer and all within it.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where a size is no positive integer, context_shape is not (n,), the input is no batch of images,
            or a context is missing or not wanted.

    Example:
        >>> from tfp_flows.networks import ResNet
        >>> net = ResNet(4, hidden_channels=8, num_blocks=2)
        >>> net(tf.ones([5, 6, 6, 2])).shape.as_list()
        [5, 6, 6, 4]
    """

    # Takes images, not flat vectors: `bijectors.Coupling` asks.
    event_ndims = 3

    def __init__(
        self,
        num_outputs: int,
        hidden_channels: int = 64,
        num_blocks: int = 4,
        kernel_size: int = 3,
        context_shape: tuple[int, ...] | None = None,
        batch_norm: bool = True,
        weight_norm: bool = True,
        scale_penalty: float = 0.0,
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        sizes = dict(
            num_outputs=num_outputs, hidden_channels=hidden_channels, num_blocks=num_blocks, kernel_size=kernel_size
        )
        for key, value in sizes.items():
            if not is_positive_integer(value):
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
            # Python's own, since NumPy's are no JSON.
            setattr(self, key, int(value))
        self.context_shape = check_context_shape(context_shape)
        self.batch_norm, self.weight_norm = bool(batch_norm), bool(weight_norm)
        self.scale_penalty = float(scale_penalty)
        # Sub-layers do not inherit a policy in Keras 3: each is given it.
        width, size, options = self.hidden_channels, self.kernel_size, dict(dtype=self.dtype_policy)
        flags = (self.batch_norm, self.weight_norm, self.scale_penalty)
        # What batch norm follows needs no bias: the mean takes it away again.
        conv = dict(
            weight_norm=self.weight_norm, scale_penalty=self.scale_penalty, use_bias=not self.batch_norm, **options
        )
        self._first = _conv(width, size, name="first", **conv)
        self._blocks = [_Block(width, size, *flags, name=f"block_{i}", **options) for i in range(self.num_blocks)]
        self._skips = [_conv(width, 1, name=f"skip_{i}", **conv) for i in range(self.num_blocks + 1)]
        self._norm = _norm("norm", self.dtype_policy) if self.batch_norm else None
        self._output = _conv(self.num_outputs, 1, name="output", zero_init=True, **{**conv, "use_bias": True})
        self._context = None
        if self.context_shape is not None:
            self._context = keras.layers.Dense(width, use_bias=False, name="context", **options)

    @counted_by_nothing()
    def build(self, input_shape: tuple) -> None:
        if len(input_shape) != 4 or input_shape[-1] is None:
            raise ValueError(
                f"Expected images (batch, height, width, channels) in {self.name!r}; got shape {input_shape}."
            )
        self._first.build(input_shape)
        hidden = (*input_shape[:-1], self.hidden_channels)
        for layer in (*self._blocks, *self._skips, *([self._norm] if self.batch_norm else []), self._output):
            layer.build(hidden)
        if self._context is not None:
            self._context.build((None, *self.context_shape))

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None, training: bool | None = None) -> tf.Tensor:
        require_context(context, self.context_shape)
        h = self._first(x)
        if context is not None:
            h = h + self._context(context)[:, None, None, :]
        total = self._skips[0](h)
        for block, skip in zip(self._blocks, self._skips[1:]):
            h = block(h, training=training)
            total = total + skip(h)
        return self._output(_rectified(total, self._norm, training))

    def compute_output_shape(self, input_shape: tuple, **_) -> tuple:
        return (*input_shape[:-1], self.num_outputs)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_outputs": self.num_outputs,
            "hidden_channels": self.hidden_channels,
            "num_blocks": self.num_blocks,
            "kernel_size": self.kernel_size,
            "context_shape": self.context_shape,
            "batch_norm": self.batch_norm,
            "weight_norm": self.weight_norm,
            "scale_penalty": self.scale_penalty,
        }


class _Block(keras.layers.Layer):
    """h + conv(relu(norm(conv(relu(norm(h))))))."""

    def __init__(self, width, kernel_size, batch_norm, weight_norm, scale_penalty, dtype, name):
        super().__init__(dtype=dtype, name=name)
        conv = dict(
            weight_norm=weight_norm, scale_penalty=scale_penalty, use_bias=not batch_norm, dtype=self.dtype_policy
        )
        self._convs = [_conv(width, kernel_size, name=f"conv_{i}", **conv) for i in range(2)]
        self._norms = [_norm(f"norm_{i}", self.dtype_policy) if batch_norm else None for i in range(2)]

    def build(self, input_shape):
        for layer in (*self._convs, *self._norms):
            if layer is not None:
                layer.build(input_shape)

    def call(self, h, training=None):
        residual = h
        for conv, norm in zip(self._convs, self._norms):
            residual = conv(_rectified(residual, norm, training))
        return h + residual

    def compute_output_shape(self, input_shape):
        return input_shape


def _rectified(h, norm, training):
    return keras.ops.relu(h if norm is None else norm(h, training=training))


def _norm(name, dtype):
    return keras.layers.BatchNormalization(axis=-1, momentum=_MOMENTUM, dtype=dtype, name=name)


def _conv(filters, kernel_size, weight_norm, scale_penalty, use_bias, dtype, name, zero_init=False):
    if weight_norm:
        return WeightNormConv2D(filters, kernel_size, use_bias, zero_init, scale_penalty, dtype=dtype, name=name)
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        use_bias=use_bias,
        kernel_initializer="zeros" if zero_init else "he_normal",
        data_format="channels_last",
        dtype=dtype,
        name=name,
    )
