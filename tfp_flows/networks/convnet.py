"""Glow's convolutional conditioner: 3x3, 1x1, 3x3 or other kernels, the last one zero at the start.

h_1 = activation(conv3x3(x) + W context)        (height, width, hidden_channels)     context a vector
h_1 = activation(conv3x3(x, context))           the same                             context an image
h_2 = activation(conv1x1(h_1))
out = output_scale conv3x3(h_2)                 (height, width, num_outputs)     0 at the start

Adam moves all weights of the last kernel by its rate in its first step, in directions that add up: thousands of them
move an output by more than 1, in every coupling at once. A small output_scale keeps a flow near the identity then, as a
rate that begins small does (the paper's code has both, the scale a learned one), and slows that layer's learning down.
Kingma and Dhariwal, Glow, arXiv:1807.03039, sections 3.3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks.conditioning import beside, check_context_shape, require_context, squeeze_factor
from tfp_flows.numerics.tensors import as_tuple, is_positive_integer

if TYPE_CHECKING:
    import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfp_flows")
class ConvNet(keras.layers.Layer):
    """Convolutions of the given kernel sizes, NHWC.

    Args:
        num_outputs: int, channels of the output.
        hidden_channels: int.
        kernel_sizes: sequence of at least two ints, an odd number each: (3, 1, 3) in the paper.
        activation: Keras activation of the hidden layers.
        context_shape: None, or a tuple: called as `net(x, context=c)`. With (n,) c is (batch, n), which is mapped
            linearly and added at every pixel before the first activation. With (height, width, channels) c is a batch
            of images, which become further channels of x; where it has k times the height and width of x, blocks of
            k x k pixels become channels first.
        output_initializer: Keras initializer of the last kernel.
        output_scale: float > 0, by which all outputs are multiplied.
        dtype: Keras dtype or dtype policy of this layer and all within it.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where a width is no positive integer, a kernel size no odd number, output_scale no positive number,
            context_shape neither (n,) nor (height, width, channels), its height and width no multiple of the input's,
            or a context is missing or not wanted.

    Example:
        >>> from tfp_flows.networks import ConvNet
        >>> ConvNet(4, hidden_channels=8)(tf.ones([5, 6, 6, 2])).shape
        TensorShape([5, 6, 6, 4])
    """

    # Takes images, not flat vectors: `bijectors.Coupling` asks.
    event_ndims = 3

    def __init__(
        self,
        num_outputs: int,
        hidden_channels: int = 128,
        kernel_sizes: Sequence[int] = (3, 1, 3),
        activation: str | Callable = "relu",
        context_shape: tuple[int, ...] | None = None,
        output_initializer: str | keras.Initializer = "zeros",
        output_scale: float = 1.0,
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        if not is_positive_integer(num_outputs) or not is_positive_integer(hidden_channels):
            raise ValueError(f"Expected positive integer widths; got {num_outputs!r} and {hidden_channels!r}.")
        sizes = as_tuple(kernel_sizes)
        if len(sizes) < 2 or not all(is_positive_integer(size) and size % 2 for size in sizes):
            raise ValueError(f"Expected kernel_sizes to be at least two odd positive integers; got {kernel_sizes!r}.")
        self.num_outputs, self.hidden_channels = int(num_outputs), int(hidden_channels)
        self.kernel_sizes = tuple(int(size) for size in sizes)
        self.activation = keras.activations.get(activation)
        self.context_shape = check_context_shape(context_shape, images=True)
        self.output_initializer = keras.initializers.get(output_initializer)
        if (
            isinstance(output_scale, bool)
            or not isinstance(output_scale, (int, float))
            or not 0 < output_scale < np.inf
        ):
            raise ValueError(f"Expected output_scale to be a positive finite number; got {output_scale!r}.")
        self.output_scale = output_scale
        policy = self.dtype_policy
        self._hidden = [
            keras.layers.Conv2D(
                self.hidden_channels, size, padding="same", kernel_initializer="he_normal", dtype=policy,
                data_format="channels_last", name=f"hidden_{i}",
            )
            for i, size in enumerate(self.kernel_sizes[:-1])
        ]  # fmt: skip
        self._output = keras.layers.Conv2D(
            self.num_outputs, self.kernel_sizes[-1], padding="same", kernel_initializer=self.output_initializer,
            dtype=policy, data_format="channels_last", name="output",
        )  # fmt: skip
        self._context = self._factor = None
        if self.context_shape is not None and len(self.context_shape) == 1:
            self._context = keras.layers.Dense(self.hidden_channels, use_bias=False, dtype=policy, name="context")

    @counted_by_nothing()
    def build(self, input_shape: tuple) -> None:
        shape = tuple(input_shape)
        if self.context_shape is not None and self._context is None:
            self._factor = squeeze_factor(shape[1:], self.context_shape)
            shape = (*shape[:-1], shape[-1] + self._factor**2 * self.context_shape[-1])
        for layer in (*self._hidden, self._output):
            layer.build(shape)
            shape = (*shape[:-1], layer.filters)
        if self._context is not None:
            self._context.build((None, *self.context_shape))

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        require_context(context, self.context_shape)
        if self._factor is not None:
            x = beside(x, context, self._factor)
        for i, layer in enumerate(self._hidden):
            x = layer(x)
            if i == 0 and self._context is not None:
                x = x + self._context(context)[:, None, None, :]
            x = self.activation(x)
        output = self._output(x)
        return output if self.output_scale == 1 else self.output_scale * output

    def compute_output_shape(self, input_shape: tuple, **_) -> tuple:
        return (*input_shape[:-1], self.num_outputs)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_outputs": self.num_outputs,
            "hidden_channels": self.hidden_channels,
            "kernel_sizes": self.kernel_sizes,
            "activation": keras.activations.serialize(self.activation),
            "context_shape": self.context_shape,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
            "output_scale": self.output_scale,
        }
