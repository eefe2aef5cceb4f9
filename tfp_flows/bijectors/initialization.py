"""Data-dependent initialisation is an act: it happens inside `initializing()` and nowhere else.

ActNorm sets itself from the first batch that it meets *inside this context*; sampling, scoring, tracing
and exporting never enter it, so they can never change a weight. `Flow.initialize` (and `fit`, before its
first step) enters it around one eager pass, in which every layer sees what the layers before it give.
"""

import contextlib
import contextvars

import keras
import tensorflow as tf

_active = contextvars.ContextVar("tfp_flows_initializing", default=False)


@contextlib.contextmanager
def initializing():
    """Within this context, bijectors that initialise from data do so from the batch that passes them.

    The pass must be eager. A bijector that is initialised already is left as it is.

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
    """Whether the caller runs inside `initializing()`."""
    return _active.get()


def mean_and_log_std(values, axes):
    """Mean and log standard deviation over axes; a constant feature's log standard deviation is taken as 0.

    What varies by rounding errors alone says nothing about its scale: to normalise it would blow it up a
    million times, and with it the first event that differs.

    Args:
        values: tensor.
        axes: list of ints.
    """
    mean, variance = tf.nn.moments(values, axes)
    is_constant = variance <= 1e-12 * mean**2
    return mean, 0.5 * tf.math.log(tf.where(is_constant, tf.ones_like(variance), variance))


class InitializedOnce:
    """A mixin for bijectors that set variables of theirs from data, once; that they have is saved with the weights."""

    def _await_initialization(self):
        self.initialized = tf.Variable(False, trainable=False, name="initialized")

    @property
    def needs_initialization(self):
        """Whether it still waits for its batch."""
        return not keras.ops.convert_to_numpy(self.initialized)

    def _initialize(self, **values):
        """Assigns each named variable its value, where that has not happened yet."""
        if not tf.executing_eagerly():
            raise ValueError("Expected data-dependent initialisation to run eagerly; got a call inside a tf.function.")
        if self.needs_initialization:
            for name, value in values.items():
                getattr(self, name).assign(value)
            self.initialized.assign(True)
