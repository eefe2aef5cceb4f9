"""A multilayer perceptron of an event and a time: the velocity, or the score, of vector events.

    tau = [t, sin(pi k t), cos(pi k t)],   k = 1, ..., num_frequencies
    f   = [x, sin(2^k x), cos(2^k x)],     k = 0, ..., num_octaves - 1
    h_1 = activation(W_1 f + U tau + C context + b_1)
    h_k = activation(W_k h_{k-1} + U_k tau + b_k)
    out = W h + b,   W = 0 at the start

and products of its Jacobian in x with tangent vectors, in closed form beside the value:

    J_1 = activation'(...) W_1 (df/dx T),   J_k = activation'(...) W_k J_{k-1},   dout/dx T = W J

which cost as much as an evaluation for each vector, and no automatic differentiation. Waves of x let few layers follow
sharp edges and thin lines of data in few dimensions: Tancik et al., arXiv:2006.10739, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks.conditioning import check_context_shape, require_context
from tfp_flows.networks.precision import cast_weight
from tfp_flows.numerics.tensors import as_tuple, is_positive_integer


def _swish(x):
    s = tf.sigmoid(x)
    return x * s, s * (1 + x * (1 - s))


def _tanh(x):
    y = tf.tanh(x)
    return y, 1 - y**2


# name -> function of x that gives the activation and its derivative.
ACTIVATIONS = {
    "swish": _swish,
    "tanh": _tanh,
    "softplus": lambda x: (tf.nn.softplus(x), tf.sigmoid(x)),
}


@keras.saving.register_keras_serializable(package="tfp_flows")
class TimeMLP(keras.layers.Layer):
    """Dense layers that see the time at every depth, called as `net(x, t)` or `net(x, t, context=c)`.

    Args:
        num_features: int, of an event and of the output.
        hidden_units: sequence of ints, or one.
        activation: "swish", "tanh" or "softplus": smooth ones, as the solver of a differential equation needs.
        num_frequencies: int of at least 0, sines and cosines of the time beside the time itself.
        num_octaves: int of at least 0, sines and cosines of each element beside it, of 1, 2, 4, ... radians a unit.
        context_shape: None, or a tuple (m,).
        output_initializer: Keras initializer of the last kernel.
        dtype: Keras dtype or dtype policy of this layer and all within it.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where a width is not a positive integer, the activation is none of these, context_shape is not (m,),
            or context is missing or not wanted.

    Example:
        >>> from tfp_flows.networks import TimeMLP
        >>> TimeMLP(2, hidden_units=(16, 16))(tf.ones([5, 2]), tf.zeros([5])).numpy().max().item()
        0.0
    """

    def __init__(
        self,
        num_features: int,
        hidden_units: int | Sequence[int] = (128, 128),
        activation: str = "swish",
        num_frequencies: int = 3,
        num_octaves: int = 0,
        context_shape: tuple[int, ...] | None = None,
        output_initializer: str | keras.Initializer = "zeros",
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        hidden_units = as_tuple(hidden_units)
        widths = (num_features, *hidden_units)
        if not all(map(is_positive_integer, widths)) or not hidden_units:
            raise ValueError(f"Expected positive integer widths; got {num_features!r} and {hidden_units!r}.")
        if activation not in ACTIVATIONS:
            raise ValueError(f"Expected activation to be one of {list(ACTIVATIONS)}; got {activation!r}.")
        for key, value in (("num_frequencies", num_frequencies), ("num_octaves", num_octaves)):
            if isinstance(value, bool) or (value != 0 and not is_positive_integer(value)):
                raise ValueError(f"Expected {key} to be an integer of at least 0; got {value!r}.")
            setattr(self, key, int(value))
        self.num_features, *hidden_units = map(int, widths)
        self.hidden_units, self.activation = tuple(hidden_units), activation
        self.context_shape = check_context_shape(context_shape)
        self.output_initializer = keras.initializers.get(output_initializer)
        policy = self.dtype_policy
        dense = lambda n, name, **options: keras.layers.Dense(n, dtype=policy, name=name, **options)
        self._hidden = [dense(n, f"hidden_{i}") for i, n in enumerate(self.hidden_units)]
        self._times = [dense(n, f"time_{i}", use_bias=False) for i, n in enumerate(self.hidden_units)]
        self._output = dense(self.num_features, "output", kernel_initializer=self.output_initializer)
        self._context = None
        if self.context_shape is not None:
            self._context = dense(self.hidden_units[0], "context", use_bias=False)

    @counted_by_nothing()
    def build(self, input_shape: tuple) -> None:
        width = input_shape[-1] * (1 + 2 * self.num_octaves)
        for layer in (*self._hidden, self._output):
            layer.build((None, width))
            width = layer.units
        for layer in self._times:
            layer.build((None, 1 + 2 * self.num_frequencies))
        if self._context is not None:
            self._context.build((None, *self.context_shape))

    def call(self, x: tf.Tensor, t: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The output (batch, num_features) at x (batch, num_features) and t (batch,) or ()."""
        require_context(context, self.context_shape)
        return self._walk(x, t, context, None)[0]

    def jvp(
        self, x: tf.Tensor, t: tf.Tensor, tangents: tf.Tensor, context: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The output, and its Jacobian in x times each of the tangents, (k, batch, num_features) as they are.

        Example:
            >>> from tfp_flows.networks import TimeMLP
            >>> net = TimeMLP(2, 8, output_initializer="ones")
            >>> x, t = tf.constant([[0.5, -1.0]]), tf.constant([0.3])
            >>> _, products = net.jvp(x, t, tf.ones([1, 1, 2]))
            >>> difference = (net(x + 5e-3, t) - net(x - 5e-3, t)) / 1e-2
            >>> bool(tf.reduce_max(tf.abs(products[0] - difference)) < 1e-3)
            True
        """
        require_context(context, self.context_shape)
        if not self.built:
            self(x, t, context=context)
        return self._walk(x, t, context, tangents)

    def _walk(self, h, t, context, tangents):
        h = tf.cast(h, self.compute_dtype)
        times = self._time_features(t)
        if tangents is not None:
            count, tangents = tf.shape(tangents)[0], tf.cast(tangents, self.compute_dtype)
        h, tangents = self._space_features(h, tangents)
        if tangents is not None:
            tangents = tf.reshape(tangents, [-1, h.shape[-1]])
        for i, (layer, time) in enumerate(zip(self._hidden, self._times)):
            h = self._affine(layer, h) + self._linear(time, times)
            if i == 0 and context is not None:
                h = h + self._linear(self._context, tf.cast(context, self.compute_dtype))
            h, slope = ACTIVATIONS[self.activation](h)
            if tangents is not None:
                tangents = tf.reshape(self._linear(layer, tangents), [count, -1, layer.units]) * slope
                tangents = tf.reshape(tangents, [-1, layer.units])
        out = self._affine(self._output, h)
        if tangents is not None:
            tangents = tf.reshape(self._linear(self._output, tangents), [count, -1, self.num_features])
        return out, tangents

    def _time_features(self, t):
        t = tf.reshape(tf.cast(t, self.compute_dtype), [-1, 1])
        if not self.num_frequencies:
            return t
        angles = math.pi * t * tf.range(1, self.num_frequencies + 1, dtype=t.dtype)
        return tf.concat([t, tf.sin(angles), tf.cos(angles)], axis=-1)

    def _space_features(self, x, tangents):
        """f of x (batch, n), and its Jacobian times tangents (k, batch, n), where there are some."""
        if not self.num_octaves:
            return x, tangents
        angles = [2.0**k * x for k in range(self.num_octaves)]
        sines, cosines = [tf.sin(a) for a in angles], [tf.cos(a) for a in angles]
        if tangents is not None:
            scaled = [2.0**k * tangents for k in range(self.num_octaves)]
            slopes = [s * c for s, c in zip(scaled, cosines)] + [-s * c for s, c in zip(scaled, sines)]
            tangents = tf.concat([tangents, *slopes], axis=-1)
        return tf.concat([x, *sines, *cosines], axis=-1), tangents

    def _linear(self, layer, h):
        return tf.matmul(h, cast_weight(layer, layer.kernel))

    def _affine(self, layer, h):
        return self._linear(layer, h) + cast_weight(layer, layer.bias)

    def compute_output_shape(self, input_shape: tuple, *_, **__) -> tuple:
        return (*input_shape[:-1], self.num_features)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_features": self.num_features,
            "hidden_units": self.hidden_units,
            "activation": self.activation,
            "num_frequencies": self.num_frequencies,
            "num_octaves": self.num_octaves,
            "context_shape": self.context_shape,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }
