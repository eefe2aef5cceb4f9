"""A velocity that is the gradient of a potential, with its derivatives in closed form.

    s = (x, t, context),   N(s) = u_0 + sigma(K_1 u_0 + b_1),   u_0 = sigma(K_0 s + b_0),   sigma(q) = log(2 cosh(q))
    Phi(s) = w . N(s) + |A (x, t)|^2 / 2 + b . (x, t)
    v(x, t) = -dPhi/dx,   dv/dx = -d2Phi/dx2, symmetric:
    dPhi/ds = K_0' (tanh(q_0) z) + ...,   z = w + K_1' (tanh(q_1) w)

sigma' = tanh and sigma'' = 1 - tanh^2: value and products of the Jacobian are a few matrix products. The way of least
kinetic energy between two distributions has such a velocity, and its potential satisfies dPhi/dt = |dPhi/dx|^2 / 2.

Onken, Wu Fung, Li and Ruthotto, OT-Flow, arXiv:2006.00104, sections 3 and 4; sigma there is |q| + log(1 + e^(-2 |q|)),
the same function.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks.conditioning import check_context_shape, require_context
from tfp_flows.networks.precision import cast_weight
from tfp_flows.numerics.tensors import is_positive_integer


@keras.saving.register_keras_serializable(package="tfp_flows")
class PotentialField(keras.layers.Layer):
    """Called as `net(x, t)` or `net(x, t, context=c)`; the velocity, of x's shape.

    Args:
        num_features: int, of an event.
        hidden_units: int, of both layers.
        rank: int, of A.
        context_shape: None, or a tuple (m,).
        dtype: Keras dtype or dtype policy of this layer.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where a size is not a positive integer, context_shape is not (m,), or context is missing or not
            wanted.

    Example:
        >>> from tfp_flows.networks import PotentialField
        >>> net = PotentialField(3, hidden_units=16)
        >>> net(tf.ones([5, 3]), tf.zeros([5])).shape.as_list()
        [5, 3]
    """

    def __init__(
        self,
        num_features: int,
        hidden_units: int = 64,
        rank: int = 10,
        context_shape: tuple[int, ...] | None = None,
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        for key, value in dict(num_features=num_features, hidden_units=hidden_units, rank=rank).items():
            if not is_positive_integer(value):
                raise ValueError(f"Expected {key} to be a positive integer; got {value!r}.")
            # Python's own, since NumPy's are no JSON.
            setattr(self, key, int(value))
        self.context_shape = check_context_shape(context_shape)

    @counted_by_nothing()
    def build(self, input_shape: tuple) -> None:
        m, size = self.hidden_units, self.num_features + 1
        more = 0 if self.context_shape is None else self.context_shape[0]
        add = lambda name, shape, initializer: self.add_weight(shape=shape, initializer=initializer, name=name)
        small = keras.initializers.RandomNormal(stddev=0.01)
        self._first = add("first_kernel", (size + more, m), "glorot_uniform")
        self._first_bias = add("first_bias", (m,), "zeros")
        self._second = add("second_kernel", (m, m), "glorot_uniform")
        self._second_bias = add("second_bias", (m,), "zeros")
        # At the start the potential is all but 0; of a quadratic form the gradient at 0 would be 0.
        self._w, self._a = add("w", (m,), "zeros"), add("a", (min(self.rank, size), size), small)
        self._b = add("b", (size,), "zeros")

    def call(self, x: tf.Tensor, t: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """The velocity (batch, num_features) at x of that shape and t (batch,) or ()."""
        require_context(context, self.context_shape)
        return -self._gradient(*self._hidden(x, t, context))[:, : self.num_features]

    def jvp(
        self, x: tf.Tensor, t: tf.Tensor, tangents: tf.Tensor, context: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The velocity, and its Jacobian in x times each of the tangents, (k, batch, num_features) as they are.

        Example:
            >>> from tfp_flows.networks import PotentialField
            >>> net, x = PotentialField(2, 8), tf.constant([[0.5, -1.0]])
            >>> _, products = net.jvp(x, tf.zeros([1]), tf.eye(2)[:, None])
            >>> bool(tf.abs(products[0, 0, 1] - products[1, 0, 0]) < 1e-6)  # a matrix of second derivatives
            True
        """
        require_context(context, self.context_shape)
        if not self.built:
            self(x, t, context=context)
        s, first, second, z = self._hidden(x, t, context)
        n, w = self.num_features, self._weight(self._w)
        kernel, middle, a = self._weight(self._first)[:n], self._weight(self._second), self._weight(self._a)[:, :n]
        # Rows of all tangents in one matrix.
        flat = lambda v: tf.reshape(v, [-1, v.shape[-1]])
        count = tf.shape(tangents)[0]
        back = lambda v: tf.reshape(v, [count, -1, v.shape[-1]])
        rows = flat(tf.cast(tangents, self.compute_dtype))
        inner = back(tf.matmul(rows, kernel))
        turned = back(tf.matmul(flat(first * inner), middle))
        along = back(tf.matmul(flat((1 - second**2) * w * turned), middle, transpose_b=True))
        hidden = (1 - first**2) * z * inner + first * along
        products = tf.matmul(flat(hidden), kernel, transpose_b=True) + tf.matmul(
            tf.matmul(rows, a, transpose_b=True), a
        )
        return -self._gradient(s, first, second, z)[:, :n], -back(products)

    def hamilton_jacobi(self, x: tf.Tensor, t: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """|dPhi/dt - |dPhi/dx|^2 / 2| (batch,), which is 0 along ways of least kinetic energy."""
        gradient = self._gradient(*self._hidden(x, t, context))
        n = self.num_features
        return tf.abs(gradient[:, n] - tf.reduce_sum(gradient[:, :n] ** 2, 1) / 2)

    def _hidden(self, x, t, context):
        """(x, t) as rows, tanh(q_0), tanh(q_1) and z."""
        x = tf.cast(x, self.compute_dtype)
        t = tf.broadcast_to(tf.reshape(tf.cast(t, x.dtype), [-1, 1]), [tf.shape(x)[0], 1])
        s = tf.concat([x, t], 1)
        given = s if context is None else tf.concat([s, tf.cast(context, x.dtype)], 1)
        q = tf.matmul(given, self._weight(self._first)) + self._weight(self._first_bias)
        # log(2 cosh(q)) without overflow.
        u = tf.abs(q) + tf.nn.softplus(-2 * tf.abs(q))
        first, middle, w = tf.tanh(q), self._weight(self._second), self._weight(self._w)
        second = tf.tanh(tf.matmul(u, middle) + self._weight(self._second_bias))
        return s, first, second, w + tf.matmul(second * w, middle, transpose_b=True)

    def _gradient(self, s, first, second, z):
        """dPhi/d(x, t), (batch, num_features + 1)."""
        size = self.num_features + 1
        kernel, a = self._weight(self._first)[:size], self._weight(self._a)
        quadratic = tf.matmul(tf.matmul(s, a, transpose_b=True), a)
        return tf.matmul(first * z, kernel, transpose_b=True) + quadratic + self._weight(self._b)

    def _weight(self, weight):
        return cast_weight(self, weight)

    def compute_output_shape(self, input_shape: tuple, *_, **__) -> tuple:
        return tuple(input_shape)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_features": self.num_features,
            "hidden_units": self.hidden_units,
            "rank": self.rank,
            "context_shape": self.context_shape,
        }
