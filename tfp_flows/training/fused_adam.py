"""Adam in one kernel a variable: the same numbers as Keras' Adam, traced and run faster.

    m <- m + (1 - beta_1) (g - m)
    v <- v + (1 - beta_2) (g^2 - v)
    w <- w - learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

Keras writes this as some fifteen ops a variable, each of which is traced, placed and scheduled; TensorFlow has it as
one kernel. A flow has many small variables, and most of its first step is that bookkeeping.
Kingma and Ba, Adam, arXiv:1412.6980, section 2.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from tfp_flows.bridge.optimizers import adam_slots


@keras.saving.register_keras_serializable(package="tfp_flows")
class FusedAdam(keras.optimizers.Adam):
    """Keras' Adam, same arguments, with one fused kernel a variable where that is possible.

    Sparse gradients and `amsgrad=True` take Keras' own way.

    Example:
        >>> import tfp_flows
        >>> from tfp_flows.training import FusedAdam
        >>> flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
        >>> flow.compile(FusedAdam(1e-3))
    """

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor | float) -> None:
        """One step of one variable; Keras calls it in the context of the variable's device."""
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            return super().update_step(gradient, variable, learning_rate)
        m, v = adam_slots(self, variable)
        dtype = variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(m),
            v=_handle(v),
            beta1_power=tf.pow(tf.cast(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


def _handle(variable):
    """The resource of a keras.Variable or a tf.Variable; of a mirrored one, that of this device."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
