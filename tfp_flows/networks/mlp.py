"""A multilayer perceptron, the conditioner of vector flows.

h_0 = x (with the context, mapped linearly, added to the first layer's input to the activation)
h_k = activation(W_k h_{k-1} + b_k)              residual: h_k = h_{k-1} + activation(W_k h_{k-1} + b_k), k > 1
out = W h + b,   W = 0 at the start
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import keras

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks.conditioning import check_context_shape, require_context
from tfp_flows.numerics.tensors import as_tuple, is_positive_integer

if TYPE_CHECKING:
    import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfp_flows")
class MLP(keras.layers.Layer):
    """Dense layers with a linear last one, zero at the start so that the flow begins as the identity.

    Args:
        num_outputs: int.
        hidden_units: sequence of ints, or one.
        activation: Keras activation of the hidden layers.
        dropout: float in [0, 1), after each hidden layer, in training only.
        residual: bool, whether hidden layers after the first add to what they get; they are then all of one width.
        context_shape: None, or a tuple (n,): the layer is then called as `mlp(x, context=c)` with c (batch, n).
        output_initializer: Keras initializer of the last kernel.
        dtype: Keras dtype or dtype policy of this layer and all within it.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where a width is not a positive integer, hidden layers are of several with residual, dropout is out
            of range, context_shape is not (n,), or context is missing or not wanted.

    Example:
        >>> from tfp_flows.networks import MLP
        >>> MLP(3, hidden_units=(16, 16))(tf.ones([5, 2])).numpy().max().item()
        0.0
    """

    def __init__(
        self,
        num_outputs: int,
        hidden_units: int | Sequence[int] = (256, 256),
        activation: str | Callable = "relu",
        dropout: float = 0.0,
        context_shape: tuple[int, ...] | None = None,
        output_initializer: str | keras.Initializer = "zeros",
        residual: bool = False,
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        hidden_units = as_tuple(hidden_units)
        widths = (num_outputs, *hidden_units)
        if not all(map(is_positive_integer, widths)):
            raise ValueError(f"Expected positive integer widths; got {num_outputs!r} and {hidden_units!r}.")
        # Python's own, since NumPy's are no JSON.
        self.num_outputs, *hidden_units = map(int, widths)
        self.hidden_units = tuple(hidden_units)
        if residual and len(set(self.hidden_units)) > 1:
            raise ValueError(f"Expected hidden layers of one width with residual=True; got {self.hidden_units!r}.")
        self.residual = bool(residual)
        if not 0 <= dropout < 1:
            raise ValueError(f"Expected dropout in [0, 1); got {dropout!r}.")
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.context_shape = check_context_shape(context_shape)
        self.output_initializer = keras.initializers.get(output_initializer)
        # Sub-layers do not inherit a policy in Keras 3: each is given it.
        policy = self.dtype_policy
        self._hidden = [
            keras.layers.Dense(n, dtype=policy, name=f"hidden_{i}") for i, n in enumerate(self.hidden_units)
        ]
        self._output = keras.layers.Dense(
            self.num_outputs, kernel_initializer=self.output_initializer, dtype=policy, name="output"
        )
        self._dropout = keras.layers.Dropout(dropout, dtype=policy, name="dropout") if dropout else None
        self._context = None
        if self.context_shape is not None:
            first = self.hidden_units[0] if self.hidden_units else self.num_outputs
            self._context = keras.layers.Dense(first, use_bias=False, dtype=policy, name="context")

    @counted_by_nothing()
    def build(self, input_shape: tuple) -> None:
        width = input_shape[-1]
        for layer in (*self._hidden, self._output):
            layer.build((None, width))
            width = layer.units
        if self._context is not None:
            self._context.build((None, *self.context_shape))

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        require_context(context, self.context_shape)
        for i, layer in enumerate((*self._hidden, self._output)):
            before, x = x, layer(x)
            if i == 0 and context is not None:
                x = x + self._context(context)
            if layer is not self._output:
                x = self.activation(x)
                if self._dropout is not None:
                    x = self._dropout(x)
                if self.residual and i > 0:
                    x = before + x
        return x

    def compute_output_shape(self, input_shape: tuple, **_) -> tuple:
        return (*input_shape[:-1], self.num_outputs)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_outputs": self.num_outputs,
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "residual": self.residual,
            "context_shape": self.context_shape,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }
