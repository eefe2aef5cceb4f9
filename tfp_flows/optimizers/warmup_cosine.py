"""A learning rate that rises in a straight line, then falls by half a cosine, to an end that may be set on the way.

    w = min(warmup_steps, num_steps // 10)
    rate(t) = peak t / w                                                          t < w
    rate(t) = peak (final + (1 - final) (1 + cos(pi (t - w) / (num_steps - w))) / 2)   t >= w, and peak final at the end

The rate is a function of the step and of the number of steps, nothing else: whoever knows both goes on with it exactly.
Loshchilov and Hutter, SGDR, arXiv:1608.03983, section 3, without restarts.
"""

import math

import keras
import tensorflow as tf

from tfp_flows.numerics.tensors import as_array


@keras.saving.register_keras_serializable(package="tfp_flows")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Warm-up and cosine of a training whose number of steps may be found out while it runs.

    Args:
        peak: float, the largest rate.
        num_steps: int, of the training; `schedule.num_steps = n` sets it anew, in compiled steps too.
        warmup_steps: int, in which the rate rises from 0; at most a tenth of all.
        final: float, the rate at the end as a share of the peak.

    Raises:
        ValueError: where num_steps is less than 1.

    Example:
        >>> from tfp_flows.optimizers import WarmupCosine
        >>> rate = WarmupCosine(0.01, num_steps=1000, warmup_steps=50)
        >>> [round(float(rate(t)), 4) for t in (0, 25, 50, 525, 1000)]
        [0.0, 0.005, 0.01, 0.005, 0.0001]
        >>> rate.num_steps = 525
        >>> round(float(rate(525)), 4)
        0.0001
    """

    def __init__(self, peak, num_steps, warmup_steps=0, final=0.01):
        super().__init__()
        self.peak, self.warmup_steps, self.final = float(peak), int(warmup_steps), float(final)
        with tf.init_scope():
            # A variable, so that steps that are compiled already follow it.
            self._num_steps = tf.Variable(_checked(num_steps), trainable=False, dtype=tf.int64)

    @property
    def num_steps(self):
        """int, the step at which the rate is at its end."""
        return int(as_array(self._num_steps))

    @num_steps.setter
    def num_steps(self, value):
        self._num_steps.assign(_checked(value))

    def __call__(self, step):
        # In float64, which holds each step of a long training; on the scale of one number that costs nothing.
        step, total = tf.cast(step, tf.float64), tf.cast(self._num_steps, tf.float64)
        warmup = tf.minimum(tf.constant(self.warmup_steps, tf.float64), tf.floor(total / 10))
        rise = step / tf.maximum(warmup, 1.0)
        share = tf.clip_by_value((step - warmup) / tf.maximum(total - warmup, 1.0), 0.0, 1.0)
        fall = self.final + (1 - self.final) * 0.5 * (1 + tf.cos(math.pi * share))
        return tf.cast(self.peak * tf.where(step < warmup, rise, fall), keras.config.floatx())

    def get_config(self):
        return {
            "peak": self.peak,
            "num_steps": self.num_steps,
            "warmup_steps": self.warmup_steps,
            "final": self.final,
        }


def _checked(num_steps):
    if num_steps < 1:
        raise ValueError(f"Expected num_steps to be a positive integer; got {num_steps!r}.")
    return int(num_steps)
