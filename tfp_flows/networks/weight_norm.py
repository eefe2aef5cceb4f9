"""Weight normalisation: a convolution whose kernel is learned as a length and a direction.

    kernel[..., c] = g[c] v[..., c] / ||v[..., c]||        one length g for each output channel c
    out = conv(x, kernel) + bias

Salimans and Kingma, Weight Normalization, arXiv:1602.07868, section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.numerics.tensors import is_positive_integer

if TYPE_CHECKING:
    import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfp_flows")
class WeightNormConv2D(keras.layers.Layer):
    """A weight-normalised convolution, NHWC, stride 1, same padding: (batch, h, w, c) -> (batch, h, w, filters).

    At the start v is He's normal and g = sqrt(2), its length in expectation: a layer between rectifiers keeps the
    size of what passes through it.

    Args:
        filters: int, output channels.
        kernel_size: int, of a square kernel.
        use_bias: bool.
        zero_init: bool, whether g = 0 at the start, and with it the output.
        scale_penalty: float >= 0; this times the sum of g^2 is a loss that Keras adds while training.
        dtype: Keras dtype or dtype policy. The kernel is normalised in float32 at least, whatever the policy.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where filters or kernel_size is no positive integer, or the input is no batch of images.

    Example:
        >>> from tfp_flows.networks import WeightNormConv2D
        >>> layer = WeightNormConv2D(4, kernel_size=1)
        >>> layer(tf.ones([5, 6, 6, 2])).shape.as_list()
        [5, 6, 6, 4]
        >>> bool(np.allclose(np.linalg.norm(layer.kernel[0, 0], axis=0), 2**0.5))
        True
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        use_bias: bool = True,
        zero_init: bool = False,
        scale_penalty: float = 0.0,
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        for key, value in (("filters", filters), ("kernel_size", kernel_size)):
            if not is_positive_integer(value):
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
        self.filters, self.kernel_size = int(filters), int(kernel_size)
        if not 0 <= scale_penalty < float("inf"):
            raise ValueError(f"Expected scale_penalty to be a finite number of at least 0; got {scale_penalty!r}.")
        self.use_bias, self.zero_init, self.scale_penalty = bool(use_bias), bool(zero_init), float(scale_penalty)
        self.bias = None

    @counted_by_nothing()
    def build(self, input_shape: tuple) -> None:
        if len(input_shape) != 4 or input_shape[-1] is None:
            raise ValueError(
                f"Expected images (batch, height, width, channels) in {self.name!r}; got shape {input_shape}."
            )
        # A KerasTensor or a tensor of other channels is then refused by Keras itself.
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: input_shape[-1]})
        # No autocast: Keras would round v and g to the compute dtype before they are normalised.
        self.v = self.add_weight(
            name="v",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], self.filters),
            initializer="he_normal",
            autocast=False,
        )
        start = keras.initializers.Constant(0.0 if self.zero_init else 2.0**0.5)
        penalty = keras.regularizers.L2(self.scale_penalty) if self.scale_penalty else None
        self.g = self.add_weight(
            name="g", shape=(self.filters,), initializer=start, autocast=False, regularizer=penalty
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    @property
    def kernel(self) -> tf.Tensor:
        """The normalised kernel (kernel_size, kernel_size, channels, filters), in float32 at least."""
        precise = keras.backend.result_type(self.v.dtype, "float32")
        v, g = keras.ops.cast(self.v, precise), keras.ops.cast(self.g, precise)
        return v * (g * keras.ops.rsqrt(keras.ops.sum(keras.ops.square(v), axis=(0, 1, 2))))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        kernel = keras.ops.cast(self.kernel, self.compute_dtype)
        x = keras.ops.conv(x, kernel, strides=1, padding="same", data_format="channels_last")
        return x if self.bias is None else x + keras.ops.cast(self.bias, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
            "zero_init": self.zero_init,
            "scale_penalty": self.scale_penalty,
        }
