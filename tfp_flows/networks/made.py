"""MADE, the masked autoencoder: one pass of a dense network gives the parameters of all conditionals of a vector.

    h_1 = activation(W_1 x + V context + b_1)
    h_k = activation(W_k h_k-1 + b_k)              residual: h_k = h_k-1 + activation(W_k h_k-1 + b_k)
    raw = W h + b                                  (batch, n, num_params),   W = 0 at the start

    degree of feature i: its place in the order, 1..n; of a hidden unit: the last place that it sees
    W_k connects units to units of no smaller degree, W to features of a larger one: raw_i depends on the features
    before i alone

Masks are applied to the kernels in each pass, so that no optimizer or loaded weight can undo them. Hidden units lie in
the order of their degrees, evenly spread, however few they are (see `tfp_flows.networks.degrees`). With a context there
are units of degree 0, which see nothing else: the first conditional depends on it as the others do. Hidden kernels
begin uniform with variance 1 / (3 n), n all inputs of the layer, masked or not and the context's with them. That is
less than a ReLU would keep the size of signals with, on purpose: larger ones overfit small tables.
Germain, Gregor, Murray and Larochelle, MADE, arXiv:1502.03509, section 4; conditional and residual forms as in MAF,
arXiv:1705.07057, section 3.4, and Nash and Durkan, arXiv:1904.05626 (ResMADE).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks import degrees, made_solver
from tfp_flows.networks.conditioning import check_context_shape, require_context
from tfp_flows.networks.masked_initializer import masked_initializer
from tfp_flows.networks.precision import cast_weight
from tfp_flows.numerics.tensors import as_tuple, is_positive_integer

ORDERS = ("left_to_right", "reversed", "random")


@keras.saving.register_keras_serializable(package="tfp_flows")
class MADE(keras.layers.Layer):
    """An autoregressive dense network, `(..., num_features) -> (..., num_features, num_params)`.

    It is what `bijectors.Autoregressive` takes, and TFP's `tfb.MaskedAutoregressiveFlow` (with num_params=2).

    Args:
        num_features: int, n.
        num_params: int, numbers for each feature.
        hidden_units: sequence of ints, or one. With n - 1 units in each layer (with a context n) each conditional sees
            all features before it; with fewer, neighbours in the order do not all see one another.
        activation: Keras activation of the hidden layers.
        order: "left_to_right", "reversed", "random", or the features' indices in the order of the conditionals.
        residual: bool, whether hidden layers after the first add to what they get; they are then all of one width.
        context_shape: None, or a tuple (m,): called as `made(x, context=c)` with c (batch, m).
        output_initializer: Keras initializer of the last kernel.
        seed: int, of the random order.
        dtype: Keras dtype or dtype policy of this layer and all within it.
        initializer: Keras initializer of the other kernels, whose fans count what is masked too; None for the uniform
            one above.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where a number is no positive integer, hidden_units are one beside a context or, with residual,
            unlike, the order is no permutation, or a context is missing or not wanted.

    Example:
        >>> from tfp_flows.networks import MADE
        >>> made = MADE(3, num_params=2, hidden_units=8, output_initializer="glorot_uniform")
        >>> x = tf.constant([[1.0, 2.0, 3.0], [1.0, 2.0, 9.0]])
        >>> raw = made(x)
        >>> raw.shape.as_list(), bool(tf.reduce_all(raw[0] == raw[1]))
        ([2, 3, 2], True)
    """

    def __init__(
        self,
        num_features: int,
        num_params: int = 2,
        hidden_units: int | Sequence[int] = (256, 256),
        activation: str | Callable = "relu",
        order: str | Sequence[int] = "left_to_right",
        residual: bool = False,
        context_shape: tuple[int, ...] | None = None,
        output_initializer: str | keras.Initializer = "zeros",
        seed: int = 0,
        dtype: str | keras.DTypePolicy | None = None,
        initializer: str | keras.Initializer | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        hidden_units = as_tuple(hidden_units)
        widths = (num_features, num_params, *hidden_units)
        if not hidden_units or not all(map(is_positive_integer, widths)):
            raise ValueError(
                f"Expected positive integers for num_features, num_params and hidden_units; got {widths!r}."
            )
        self.num_features, self.num_params, *hidden_units = map(int, widths)
        self.hidden_units = tuple(hidden_units)
        self.context_shape = check_context_shape(context_shape)
        least = degrees.least_width(self.num_features, self.context_shape is not None)
        if min(self.hidden_units) < least:
            raise ValueError(
                f"Expected at least {least} hidden units in each layer beside a context, one that sees it alone and "
                f"one that sees features; got {self.hidden_units!r}."
            )
        if residual and len(set(self.hidden_units)) > 1:
            raise ValueError(f"Expected hidden layers of one width with residual=True; got {self.hidden_units!r}.")
        self.activation = keras.activations.get(activation)
        self.residual = bool(residual)
        self.output_initializer = keras.initializers.get(output_initializer)
        self.initializer = None if initializer is None else keras.initializers.get(initializer)
        self.seed = seed
        self.order = order if isinstance(order, str) else tuple(int(i) for i in order)
        # Features in the order of their conditionals; feature i has degree 1 + its place.
        self.features = _features(self.order, self.num_features, seed)
        hidden = degrees.hidden_degrees(self.hidden_units, self.num_features, self.context_shape is not None)
        self.degrees = [1 + np.argsort(self.features), *hidden]

    @counted_by_nothing()
    def build(self, input_shape: tuple | None = None) -> None:
        sizes = [self.num_features, *self.hidden_units]
        self._masks, self._kernels, self._biases = [], [], []
        for k, (size, width) in enumerate(zip(sizes[:-1], sizes[1:])):
            mask = self.degrees[k][:, np.newaxis] <= self.degrees[k + 1]
            self._add(f"hidden_{k}", mask, self._part(0 if k else sum(self.context_shape or ())))
        mask = np.repeat(self.degrees[-1][:, np.newaxis] < self.degrees[0], self.num_params, axis=1)
        self._add("output", mask, masked_initializer(self.output_initializer, mask))
        self._context_kernel = None
        if self.context_shape is not None:
            shape = (*self.context_shape, self.hidden_units[0])
            initializer = self._part(self.num_features, is_last=True)
            self._context_kernel = self.add_weight(shape=shape, initializer=initializer, name="context_kernel")

    def _part(self, more_inputs, is_last=False):
        """An initializer of a kernel that is the first, or last, part of one of more inputs."""
        initializer = self.initializer or keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
        if isinstance(initializer, keras.Initializer):
            # Another one for each kernel: Keras' give the same values twice.
            initializer = initializer.clone()

        def initialize(shape, dtype=None):
            values = initializer((shape[0] + more_inputs, *shape[1:]), dtype=dtype)
            return values[more_inputs:] if is_last else values[: shape[0]]

        return initialize

    def _add(self, name, mask, initializer):
        self._masks.append(mask)
        self._kernels.append(self.add_weight(shape=mask.shape, initializer=initializer, name=f"{name}_kernel"))
        self._biases.append(self.add_weight(shape=mask.shape[1:], initializer="zeros", name=f"{name}_bias"))

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        require_context(context, self.context_shape)
        h = tf.cast(x, self.compute_dtype)
        last = len(self.hidden_units)
        for k, (kernel, bias) in enumerate(zip(self.masked_kernels(), self.biases())):
            value = tf.tensordot(h, kernel, 1) + bias
            if k == 0 and context is not None:
                value += tf.tensordot(tf.cast(context, h.dtype), self.context_kernel(), 1)
            if k == last:
                h = value
            else:
                value = self.activation(value)
                h = h + value if self.residual and k > 0 else value
        shape = tf.concat([tf.shape(h)[:-1], [self.num_features, self.num_params]], axis=0)
        raw = tf.reshape(h, shape)
        raw.set_shape((*h.shape[:-1], self.num_features, self.num_params))
        return raw

    @property
    def num_sequential_steps(self) -> int:
        """int, n: each feature depends on the one before it, see `tfp_flows.bijectors.Autoregressive`."""
        return self.num_features

    def solve(self, step: Callable, z: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """y with y_i = step(z_i, raw_i(y)), feature after feature: see `tfp_flows.networks.made_solver`.

        Args:
            step: function of z_i (batch,) and raw_i (batch, num_params), elementwise, that gives y_i (batch,).
            z: tensor (batch, n).
            context: tensor (batch, m), or None.

        Returns:
            tensor (batch, n).
        """
        require_context(context, self.context_shape)
        if not self.built:
            self.build()
        return made_solver.solve(self, step, z, context)

    def biases(self) -> list[tf.Tensor]:
        """The biases, one a layer."""
        return [cast_weight(self, bias) for bias in self._biases]

    def context_kernel(self) -> tf.Tensor:
        """The kernel (m, hidden_units[0]) of the context."""
        return cast_weight(self, self._context_kernel)

    def masked_kernels(self) -> list[tf.Tensor]:
        """The kernels as they are used, one a layer: zeros wherever the order forbids a connection."""
        return [kernel * tf.constant(mask, self.compute_dtype) for kernel, mask in self.kernels_and_masks()]

    def kernels_and_masks(self) -> list[tuple[tf.Tensor, np.ndarray]]:
        """Pairs of a kernel as it is stored and of its mask, a bool array of the same shape, one a layer."""
        return [(cast_weight(self, kernel), mask) for kernel, mask in zip(self._kernels, self._masks)]

    def compute_output_shape(self, input_shape: tuple, **_) -> tuple:
        return (*input_shape[:-1], self.num_features, self.num_params)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_features": self.num_features,
            "num_params": self.num_params,
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(self.activation),
            "order": self.order,
            "residual": self.residual,
            "context_shape": self.context_shape,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
            "seed": self.seed,
            "initializer": None if self.initializer is None else keras.initializers.serialize(self.initializer),
        }


def _features(order, num_features, seed):
    """The features' indices in the order of the conditionals."""
    features = np.arange(num_features)
    if isinstance(order, str):
        if order not in ORDERS:
            raise ValueError(f"Expected order to be one of {list(ORDERS)} or a permutation; got {order!r}.")
        if order == "reversed":
            return features[::-1]
        return features if order == "left_to_right" else np.random.default_rng(seed).permutation(num_features)
    if sorted(order) != features.tolist():
        raise ValueError(f"Expected order to be a permutation of range({num_features}); got {order!r}.")
    return np.array(order)
