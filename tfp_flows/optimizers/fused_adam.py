"""Adam in one kernel a variable: the same numbers as Keras' Adam, traced and run faster; and clipping by what is usual.

    m <- m + (1 - beta_1) (g - m)
    v <- v + (1 - beta_2) (g^2 - v)
    w <- w - learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    with relative_clipnorm c:   g <- g min(1, c r / |g|),   r^2 = sum(v) / (1 - beta_2^(t-1)),   |g| over all weights

Keras writes this as some fifteen ops a variable, each of which is traced, placed and scheduled; TensorFlow has it as
one kernel. A flow has many small variables, and most of its first step is that bookkeeping.

A single event far from all others gives a gradient thousands of times as long as the others', which spoils a flow that
was good. How long a usual gradient is depends on the size of the batch, the number of dimensions and the model; Adam
knows it: r is the root mean square of the lengths so far. Longer than c times that, a gradient is cut to it.
Kingma and Ba, Adam, arXiv:1412.6980, section 2; clipping by the norm over all weights as in Pascanu, Mikolov and
Bengio, arXiv:1211.5063, section 3.2.
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.bridge.names import counted_by_nothing
from tfp_flows.bridge.optimizers import WholeSteps, adam_slots, second_moments

# The default of flows: tables of heavy tails are fitted best with 1 to 1.5, and above 1 lengths may grow again.
RELATIVE_CLIPNORM = 1.5


@keras.saving.register_keras_serializable(package="tfp_flows")
class FusedAdam(WholeSteps, keras.optimizers.Adam):
    """Keras' Adam, same arguments, with one fused kernel a variable where that is possible.

    Sparse gradients and `amsgrad=True` take Keras' own way. With `gradient_accumulation_steps` what is clipped is the
    mean over so many batches, and schedules and moving averages go by steps that were applied; Keras' go by batches.

    Args:
        *args: as `keras.optimizers.Adam`.
        relative_clipnorm: float > 0, how many times as long as usual a gradient may be, over all weights; None not to
            clip so. The first step, to which nothing is usual, is not clipped: Adam's is of one size whatever its
            gradient.
        **kwargs: as `keras.optimizers.Adam`.

    Raises:
        ValueError: where relative_clipnorm is no positive number.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows.training import FusedAdam
        >>> flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
        >>> flow.compile(FusedAdam(1e-3))
    """

    def __init__(self, *args, relative_clipnorm: float | None = None, **kwargs):
        if relative_clipnorm is not None and not 0 < relative_clipnorm < float("inf"):
            raise ValueError(f"Expected relative_clipnorm to be a positive number or None; got {relative_clipnorm!r}.")
        with counted_by_nothing():
            super().__init__(*args, **kwargs)
        self.relative_clipnorm = relative_clipnorm

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor | float) -> None:
        """One step of one variable; Keras calls it in the context of the variable's device."""
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            return super().update_step(gradient, variable, learning_rate)
        m, v = adam_slots(self, variable)
        handle = _handle(variable)
        # Of each step once: some ten operations, of which a flow of many small weights would be mostly made.
        numbers = self.once_a_step(
            ("numbers", handle.device, variable.dtype), lambda: self._numbers(variable.dtype, learning_rate)
        )
        grad = tf.cast(gradient, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(var=handle, m=_handle(m), v=_handle(v), grad=grad, **numbers)

    def _numbers(self, dtype, learning_rate):
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        step = tf.cast(self.iterations + 1, dtype)
        return dict(
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, dtype),
        )

    def get_config(self):
        config = super().get_config()
        # As a former version wrote it where there is none.
        return config if self.relative_clipnorm is None else {**config, "relative_clipnorm": self.relative_clipnorm}

    def clipped(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The gradients of a whole step, cut to a multiple of their usual length where they are longer."""
        if self.relative_clipnorm is None:
            return gradients
        present = [g for g in gradients if g is not None]
        if not present:
            return gradients
        square = 2 * _total([tf.nn.l2_loss(_values(g)) for g in present])
        usual = _total([_sum(v) for v in second_moments(self)])
        known = 1 - tf.pow(tf.cast(self.beta_2, tf.float64), tf.cast(self.iterations, tf.float64))
        longest = self.relative_clipnorm**2 * usual / known
        # The first step's is 0 / 0, and where all gradients were zero so far nothing is usual.
        factor = tf.where((usual > 0) & (square > longest), tf.sqrt(longest / square), tf.ones([], tf.float64))
        factors = {dtype: tf.cast(factor, dtype) for dtype in {g.dtype for g in present}}
        return [None if g is None else _times(g, factors[g.dtype]) for g in gradients]


def _values(gradient):
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


def _sum(variable):
    value = tf.convert_to_tensor(variable)
    return tf.raw_ops.Sum(input=value, axis=np.arange(value.shape.rank, dtype="int32"))


def _total(numbers):
    """Of scalars of any precisions, in float64, which costs nothing. One too long for float32 is infinite already, and
    the gradient is cut to zero."""
    of_dtype = {}
    for number in numbers:
        of_dtype.setdefault(number.dtype, []).append(number)
    return tf.add_n([tf.reduce_sum(tf.cast(tf.stack(some), tf.float64)) for some in of_dtype.values()])


def _times(gradient, factor):
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(gradient.values * factor, gradient.indices, gradient.dense_shape)
    return gradient * factor


def _handle(variable):
    """The resource of a keras.Variable or a tf.Variable; of a mirrored one, that of this device."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
