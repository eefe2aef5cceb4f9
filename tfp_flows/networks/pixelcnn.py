"""PixelCNN: one pass of masked convolutions gives the parameters of all conditionals of an image, in raster order.

    h = conv_k x k, type A (x) + V context                      (height, width, hidden_channels)
    num_blocks times   h = h + conv_1x1(activation(conv_3x3(activation(h))))
    raw = conv_1x1(activation(h))                               (height, width, channels, num_params), 0 at the start

    pixels come row by row, the channels of a pixel one after another; hidden channels have degrees among
    0..channels-1, those of degree c may see, of the same pixel, the channels before c: type A at the first convolution,
    type B (hidden channels of no larger degree) at the others

Masks are applied to the kernels in each pass, so that no optimizer or loaded weight can undo them. A stack of these
convolutions sees a triangle above a pixel and not all of what is above and to the right (the paper's blind spot): wide
first kernels make up for it.
Van den Oord, Kalchbrenner and Kavukcuoglu, Pixel recurrent neural networks, arXiv:1601.06759, sections 3.3 to 3.5.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks import pixelcnn_solver
from tfp_flows.networks.conditioning import check_context_shape, require_context
from tfp_flows.networks.degrees import hidden_degrees
from tfp_flows.networks.masked_initializer import masked_initializer
from tfp_flows.networks.precision import cast_weight
from tfp_flows.numerics import wavefront
from tfp_flows.numerics.tensors import check_shape, is_positive_integer


@keras.saving.register_keras_serializable(package="tfp_flows")
class PixelCNN(keras.layers.Layer):
    """An autoregressive convolutional network, `(batch, *event_shape) -> (batch, *event_shape, num_params)`.

    It is what `bijectors.Autoregressive` takes for images.

    Args:
        event_shape: tuple (height, width, channels).
        num_params: int, numbers for each element.
        hidden_channels: int. With as many as the event has channels each channel of a pixel sees all before it; with
            fewer, some see earlier pixels and a part of them.
        num_blocks: int, residual blocks.
        kernel_size: int, odd and at least 3, of the first convolution.
        activation: Keras activation.
        reverse: bool, whether the order is turned round: from the last channel of the last pixel to the first.
        context_shape: None, or a tuple (m,): called as `net(x, context=c)` with c (batch, m), which is mapped linearly
            and added at every pixel.
        output_initializer: Keras initializer of the last kernel.
        dtype: Keras dtype or dtype policy of this layer.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where event_shape is no image's, a number is no positive integer, the kernel size is not odd or less
            than 3, or a context is missing or not wanted.

    Example:
        >>> from tfp_flows.networks import PixelCNN
        >>> net = PixelCNN((4, 4, 1), num_params=2, hidden_channels=8, output_initializer="glorot_uniform")
        >>> x = np.zeros([1, 4, 4, 1], "float32")
        >>> changed = x.copy()
        >>> changed[0, 2, 1] = 1.0
        >>> [bool(tf.reduce_all(net(x)[0, i, j] == net(changed)[0, i, j])) for i, j in ((1, 3), (2, 1), (2, 2))]
        [True, True, False]
    """

    # Takes images, not flat vectors.
    event_ndims = 3

    def __init__(
        self,
        event_shape: tuple[int, int, int],
        num_params: int = 2,
        hidden_channels: int = 32,
        num_blocks: int = 3,
        kernel_size: int = 5,
        activation: str | Callable = "relu",
        reverse: bool = False,
        context_shape: tuple[int, ...] | None = None,
        output_initializer: str | keras.Initializer = "zeros",
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        self.event_shape = check_shape(event_shape)
        if len(self.event_shape) != 3:
            raise ValueError(f"Expected event_shape (height, width, channels); got {event_shape!r}.")
        numbers = (num_params, hidden_channels, num_blocks)
        if not all(map(is_positive_integer, numbers)):
            raise ValueError(
                f"Expected positive integers for num_params, hidden_channels and num_blocks; got {numbers!r}."
            )
        self.num_params, self.hidden_channels, self.num_blocks = map(int, numbers)
        if not is_positive_integer(kernel_size) or kernel_size % 2 == 0 or kernel_size < 3:
            raise ValueError(f"Expected kernel_size to be an odd integer of at least 3; got {kernel_size!r}.")
        self.kernel_size = int(kernel_size)
        self.activation = keras.activations.get(activation)
        self.reverse = bool(reverse)
        self.context_shape = check_context_shape(context_shape)
        self.output_initializer = keras.initializers.get(output_initializer)
        # Which hidden channels belong to which channel of the event: in order, evenly spread. All see earlier pixels.
        self.degrees = hidden_degrees([self.hidden_channels], self.event_shape[-1], sees_more=True)[0]

    @counted_by_nothing()
    def build(self, input_shape: tuple | None = None) -> None:
        image, hidden = np.arange(self.event_shape[-1]), self.degrees
        later = image[:, np.newaxis] < hidden
        within = hidden[:, np.newaxis] <= hidden
        outputs = np.repeat(hidden[:, np.newaxis] <= image, self.num_params, axis=1)
        self._masks, self._kernels, self._biases = [], [], []
        self._add("first", self.kernel_size // 2, later, "he_normal", sum(self.context_shape or ()))
        for k in range(self.num_blocks):
            self._add(f"block_{k}_conv3x3", 1, within, "he_normal")
            self._add(f"block_{k}_conv1x1", 0, within, "he_normal")
        self._add("output", 0, outputs, self.output_initializer)
        self._context_kernel = None
        if self.context_shape is not None:
            shape = (*self.context_shape, self.hidden_channels)
            seen = self._masks[0].sum((0, 1, 2))
            initializer = masked_initializer("he_normal", np.ones(shape), seen)
            self._context_kernel = self.add_weight(shape=shape, initializer=initializer, name="context_kernel")

    def _add(self, name, reach, centre, initializer, more_inputs=0):
        mask = wavefront.raster_mask(reach, centre)
        self._masks.append(mask)
        initializer = masked_initializer(initializer, mask, more_inputs)
        self._kernels.append(self.add_weight(shape=mask.shape, initializer=initializer, name=f"{name}_kernel"))
        self._biases.append(self.add_weight(shape=mask.shape[-1:], initializer="zeros", name=f"{name}_bias"))

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        require_context(context, self.context_shape)
        (first, *blocks, output), added = self.layers(context)
        h = self.turned(tf.cast(x, self.compute_dtype))
        h = _apply(h, first)
        if added is not None:
            h += added[:, tf.newaxis, tf.newaxis]
        for wide, narrow in zip(blocks[::2], blocks[1::2]):
            h += _apply(self.activation(_apply(self.activation(h), wide)), narrow)
        raw = _apply(self.activation(h), output)
        shape = [tf.shape(raw)[0], *self.event_shape, self.num_params]
        return self.turned(tf.reshape(raw, shape))

    @property
    def num_sequential_steps(self) -> int:
        """int: the pixels' wavefront (`tfp_flows.numerics.wavefront`), the channels of each one after another.

        However many convolutions, each goes up a row where it goes to the right: what counts is the widest of them.
        """
        height, width, channels = self.event_shape
        front = wavefront.Wavefront(height, width, self.kernel_size // 2)
        return min(front.num_steps, height * width) * channels

    def solve(self, step: Callable, z: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """y with y_i = step(z_i, raw_i(y)), pixel after pixel: see `tfp_flows.networks.pixelcnn_solver`.

        Args:
            step: function of z_i (...) and raw_i (..., num_params), elementwise, that gives y_i (...).
            z: tensor (batch, *event_shape).
            context: tensor (batch, m), or None.

        Returns:
            tensor (batch, *event_shape).
        """
        require_context(context, self.context_shape)
        if not self.built:
            self.build()
        return pixelcnn_solver.solve(self, step, z, context)

    def layers(self, context: tf.Tensor | None = None) -> tuple[list, tf.Tensor | None]:
        """What a pass uses: (kernel, bias) of each convolution, kernels masked; and what the context adds, or None."""
        kernels = [
            cast_weight(self, k) * tf.constant(m, self.compute_dtype) for k, m in zip(self._kernels, self._masks)
        ]
        added = None
        if context is not None:
            added = tf.matmul(tf.cast(context, self.compute_dtype), cast_weight(self, self._context_kernel))
        return list(zip(kernels, (cast_weight(self, b) for b in self._biases))), added

    def turned(self, image: tf.Tensor) -> tf.Tensor:
        """An image, or parameters of one, in the order of the conditionals; and back again."""
        return tf.reverse(image, [1, 2, 3]) if self.reverse else image

    def compute_output_shape(self, input_shape: tuple, **_) -> tuple:
        return (*input_shape, self.num_params)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "event_shape": self.event_shape,
            "num_params": self.num_params,
            "hidden_channels": self.hidden_channels,
            "num_blocks": self.num_blocks,
            "kernel_size": self.kernel_size,
            "activation": keras.activations.serialize(self.activation),
            "reverse": self.reverse,
            "context_shape": self.context_shape,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }


def _apply(image, layer):
    kernel, bias = layer
    return wavefront.convolve(image, kernel) + bias
