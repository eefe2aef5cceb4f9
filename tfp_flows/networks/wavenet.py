"""WaveNet: one pass of causal dilated convolutions gives the parameters of all conditionals of a sequence.

    h_0[t] = U x[t - 1] + b                                              x[-1] = 0
    u_k[t] = tanh(f) sigmoid(g),   (f, g) = A_k h_k[t - d_k] + B_k h_k[t] + V_k context + c_k
    h_k+1[t] = h_k[t] + R_k u_k[t] + r_k
    raw[t] = W relu(Y relu(sum_k S_k u_k[t] + s) + y) + w                W = 0 at the start

    d_k the dilations: with 1, 2, 4, ..., 512 ten layers see 1024 steps back; h_k[t] = 0 for t < 0

raw[t] depends on x[0..t - 1] alone. The sequential direction keeps the h_k of all steps, so that a step costs two small
matrix products a layer, however far the network sees.
Van den Oord et al., WaveNet, arXiv:1609.03499, section 2; caching as in Le Paine et al., arXiv:1611.09482.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.networks.conditioning import check_context_shape, require_context
from tfp_flows.networks.precision import cast_weight
from tfp_flows.numerics.tensors import as_tuple, is_positive_integer

# Of the sequential direction in eager code, that are taken one by one.
_FEW_STEPS = 16


@keras.saving.register_keras_serializable(package="tfp_flows.networks")  # "tfp_flows>WaveNet" is the model
class WaveNet(keras.layers.Layer):
    """An autoregressive network of sequences, `(batch, length) -> (batch, length, num_params)`, of any length.

    It is what `bijectors.Autoregressive` takes for audio.

    Args:
        num_params: int, numbers for each step.
        dilations: sequence of ints, one a layer.
        hidden_channels: int, of h_k and of the gated units.
        skip_channels: int.
        context_shape: None, or a tuple (m,): called as `net(x, context=c)` with c (batch, m), the same at all steps.
        output_initializer: Keras initializer of the last kernel.
        dtype: Keras dtype or dtype policy of this layer.
        **kwargs: name and trainable, of `keras.layers.Layer`.

    Raises:
        ValueError: where a number is no positive integer, or a context is missing or not wanted.

    Example:
        >>> from tfp_flows.networks import WaveNet
        >>> net = WaveNet(2, dilations=(1, 2), hidden_channels=4, output_initializer="glorot_uniform")
        >>> a, b = np.zeros([2, 1, 8], "float32")
        >>> b[0, 5] = 1.0
        >>> (net(a) == net(b)).numpy().all((0, 2)).tolist()
        [True, True, True, True, True, True, False, False]
    """

    def __init__(
        self,
        num_params: int = 2,
        dilations: int | Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        hidden_channels: int = 32,
        skip_channels: int = 64,
        context_shape: tuple[int, ...] | None = None,
        output_initializer: str | keras.Initializer = "zeros",
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        dilations = as_tuple(dilations)
        numbers = (num_params, hidden_channels, skip_channels, *dilations)
        if not dilations or not all(map(is_positive_integer, numbers)):
            raise ValueError(
                "Expected positive integers for num_params, hidden_channels, skip_channels and dilations; "
                f"got {num_params!r}, {hidden_channels!r}, {skip_channels!r} and {dilations!r}."
            )
        self.num_params, self.hidden_channels, self.skip_channels, *dilations = map(int, numbers)
        self.dilations = tuple(dilations)
        self.context_shape = check_context_shape(context_shape)
        self.output_initializer = keras.initializers.get(output_initializer)

    @counted_by_nothing()
    def build(self, input_shape: tuple | None = None) -> None:
        hidden, skip, layers = self.hidden_channels, self.skip_channels, len(self.dilations)

        def dense(name, inputs, outputs, initializer="glorot_uniform"):
            kernel = self.add_weight(shape=(inputs, outputs), initializer=initializer, name=f"{name}_kernel")
            return kernel, self.add_weight(shape=(outputs,), initializer="zeros", name=f"{name}_bias")

        self._input = dense("input", 1, hidden)
        # Of a layer the two taps of the convolution are one matrix, as are the ways to the next layer and to the sum.
        self._gates = [dense(f"layer_{k}_gates", 2 * hidden, 2 * hidden) for k in range(layers)]
        self._ways = [dense(f"layer_{k}_ways", hidden, hidden * (k < layers - 1) + skip) for k in range(layers)]
        self._last = dense("last", skip, skip)
        self._output = dense("output", skip, self.num_params, self.output_initializer)
        self._context_kernel = None
        if self.context_shape is not None:
            shape = (*self.context_shape, layers * 2 * hidden)
            self._context_kernel = self.add_weight(shape=shape, initializer="glorot_uniform", name="context_kernel")

    def call(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        require_context(context, self.context_shape)
        x = tf.cast(x, self.compute_dtype)
        added = self._added(context)
        h = self._dense(tf.pad(x[:, :-1], [[0, 0], [1, 0]])[..., tf.newaxis], self._input)
        total = 0.0
        for k, dilation in enumerate(self.dilations):
            length = tf.shape(h)[1]
            past = tf.pad(h, [[0, 0], [dilation, 0], [0, 0]])[:, :length]
            u = self._unit(k, past, h, None if added is None else added[k][:, tf.newaxis])
            h, total = self._onward(k, u, h, total)
        return self._head(total)

    def solve(self, step: Callable, z: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """y with y_t = step(z_t, raw_t(y)), step after step, with what the layers have seen kept.

        Args:
            step: function of z_t (batch,) and raw_t (batch, num_params), elementwise, that gives y_t (batch,).
            z: tensor (batch, length).
            context: tensor (batch, m), or None.

        Returns:
            tensor (batch, length).
        """
        require_context(context, self.context_shape)
        if not self.built:
            self.build()
        if tf.executing_eagerly() and z.shape[1] > _FEW_STEPS:
            # Op by op the thousands of steps of an audio window take minutes, as one graph seconds; a few take less
            # time than the graph's trace.
            # Concrete: of a function that is new, and traced, at each call TensorFlow would warn.
            return tf.function(lambda: self._solve(step, z, context), autograph=False).get_concrete_function()()
        return self._solve(step, z, context)

    def _solve(self, step, z, context):
        added, dtype = self._added(context), self.compute_dtype
        batch, length = tf.shape(z)[0], tf.shape(z)[1]
        zeros = tf.zeros([batch, self.hidden_channels], dtype)
        columns = tf.transpose(z)

        def advance(t, y, past):
            """One step, given y_t-1 and what each layer had a dilation ago: y_t, and what each layer has now."""
            h, total, seen = self._dense(y[:, tf.newaxis], self._input), 0.0, []
            for k in range(len(self.dilations)):
                seen.append(h)
                u = self._unit(k, past[k], h, None if added is None else added[k])
                h, total = self._onward(k, u, h, total)
            raw = tf.cast(self._head(total), z.dtype)
            return tf.cast(step(columns[t], raw), dtype), seen

        def body(t, y, written, memory):
            past = [
                array.read(tf.maximum(t - d, 0)) * tf.cast(t >= d, dtype) for d, array in zip(self.dilations, memory)
            ]
            y, seen = advance(t, y, past)
            return t + 1, y, written.write(t, y), tuple(array.write(t, h) for array, h in zip(memory, seen))

        def array(*shape):
            return tf.TensorArray(dtype, length, clear_after_read=False, element_shape=[z.shape[0], *shape])

        # The first step apart: there is nothing to read yet.
        y, seen = advance(0, tf.zeros([batch], dtype), [zeros] * len(self.dilations))
        memory = tuple(array(self.hidden_channels).write(0, h) for h in seen)
        state = (1, y, array().write(0, y), memory)
        written = tf.while_loop(lambda t, *_: t < length, body, state, maximum_iterations=length)[2]
        return tf.ensure_shape(tf.cast(tf.transpose(written.stack()), z.dtype), z.shape)

    def _unit(self, k, past, now, added):
        value = self._dense(tf.concat([past, now], axis=-1), self._gates[k])
        filtered, gate = tf.split(value if added is None else value + added, 2, axis=-1)
        return tf.tanh(filtered) * tf.sigmoid(gate)

    def _onward(self, k, u, h, total):
        ways = self._dense(u, self._ways[k])
        if k == len(self.dilations) - 1:
            return h, total + ways
        # Not sliced: see `transforms.RationalQuadraticSpline`.
        on, out = tf.split(ways, [self.hidden_channels, -1], axis=-1)
        return h + on, total + out

    def _head(self, total):
        return self._dense(tf.nn.relu(self._dense(tf.nn.relu(total), self._last)), self._output)

    def _added(self, context):
        """What the context adds to each layer's gates, (batch, 2 hidden_channels) each, or None."""
        if context is None:
            return None
        added = tf.matmul(tf.cast(context, self.compute_dtype), cast_weight(self, self._context_kernel))
        return tf.split(added, len(self.dilations), axis=-1)

    def _dense(self, values, weights):
        kernel, bias = (cast_weight(self, w) for w in weights)
        return tf.tensordot(values, kernel, 1) + bias

    def compute_output_shape(self, input_shape: tuple, **_) -> tuple:
        return (*input_shape, self.num_params)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_params": self.num_params,
            "dilations": self.dilations,
            "hidden_channels": self.hidden_channels,
            "skip_channels": self.skip_channels,
            "context_shape": self.context_shape,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }
