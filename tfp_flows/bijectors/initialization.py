"""Data-dependent initialisation is an act: it happens inside `initializing()` and nowhere else.

ActNorm sets itself from the first batch that it meets *inside this context*; sampling, scoring, tracing
and exporting never enter it, so they can never change a weight. `Flow.initialize` (and `fit`, before its
first step) enters it around one eager pass, in which every layer sees what the layers before it give.
"""

import contextlib
import contextvars

import keras
import numpy as np
import tensorflow as tf

_active = contextvars.ContextVar("tfp_flows_initializing", default=False)


@contextlib.contextmanager
def initializing():
    """Within this context, bijectors that initialise from data do so from the batch that passes them.

    The pass must be eager, with a tensor that the bijectors have not met (`tf.identity(x)` is one): TFP answers from
    its cache for one that they have. A bijector that is initialised already is left as it is.

    Example:
        >>> from tfp_flows import bijectors
        >>> norm = bijectors.ActNorm(2)
        >>> with bijectors.initializing():
        ...     z = norm.inverse(tf.constant([[1.0, 5.0], [3.0, 9.0]]))
        >>> np.round(z.numpy().mean(0), 4).tolist()
        [0.0, 0.0]
    """
    token = _active.set(True)
    try:
        yield
    finally:
        _active.reset(token)


def is_initializing():
    """Whether the caller runs inside `initializing()`.

    Example:
        >>> from tfp_flows import bijectors
        >>> bijectors.is_initializing()
        False
    """
    return _active.get()


def mean_and_log_std(values, axes):
    """Mean and log standard deviation over axes; a constant feature's log standard deviation is taken as 0.

    What varies by rounding errors alone says nothing about its scale: to normalise it would blow it up a
    million times, and with it the first event that differs.

    Args:
        values: tensor.
        axes: list of ints, the leading axes.
    """
    # Of the differences from one of the values: exactly 0 where all are equal, however the mean is rounded.
    least = tf.reduce_min(values, axes)
    mean, variance = tf.nn.moments(values - least, axes)
    mean += least
    precision = np.finfo(values.dtype.as_numpy_dtype)
    is_constant = variance <= tf.maximum((8 * precision.eps * mean) ** 2, precision.tiny)
    return mean, 0.5 * tf.math.log(tf.where(is_constant, tf.ones_like(variance), variance))


class InitializedOnce:
    """A mixin for bijectors that set variables of theirs from data, once; that they have is saved with the weights."""

    def _await_initialization(self):
        self.initialized = tf.Variable(False, trainable=False, name="initialized")

    @property
    def needs_initialization(self):
        """Whether it still waits for its batch."""
        return not keras.ops.convert_to_numpy(self.initialized)

    def _is_due(self):
        """Whether the batch that passes now is the one to initialise from."""
        if not is_initializing():
            return False
        if not tf.executing_eagerly():
            raise ValueError("Expected data-dependent initialisation to run eagerly; got a call inside a tf.function.")
        return self.needs_initialization

    def _initialize(self, **values):
        """Assigns each named variable its value."""
        for name, value in values.items():
            if not np.isfinite(value).all():
                raise ValueError(f"Expected finite data to initialise {self.name!r} from; got {name} {value.numpy()}.")
        for name, value in values.items():
            getattr(self, name).assign(value)
        self.initialized.assign(True)
