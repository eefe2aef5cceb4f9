"""Data-dependent initialisation is an act: it happens inside `initializing()` and nowhere else.

ActNorm sets itself from the first batch that it meets *inside this context*; sampling, scoring, tracing
and exporting never enter it, so they can never change a weight. `Flow.initialize` (and `fit`, before its
first step) enters it around one eager pass, in which every layer sees what the layers before it give.
"""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import warnings

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_flows.bridge.tape import may_record
from tfp_flows.numerics.tensors import as_array, is_positive_integer

# Layers are numbered as they are made; those up to here have been warned of.
_numbers, _last_warned = itertools.count(1), 0
_active = contextvars.ContextVar("tfp_flows_initializing", default=False)
_silent = contextvars.ContextVar("tfp_flows_untrained", default=False)


@contextlib.contextmanager
def initializing() -> contextlib.AbstractContextManager:
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


@contextlib.contextmanager
def untrained():
    """Within this context a tape records and nothing is trained: no layer that waits for data says so."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


def is_initializing() -> bool:
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
    # The digits that the values have; what is computed of them is in float64, whose squares reach further.
    eps = np.finfo(values.dtype.as_numpy_dtype).eps
    least = tf.cast(tf.reduce_min(values, axes), tf.float64)
    # Of the differences from one of the values: exactly 0 where all are equal, however the mean is rounded.
    mean, variance = tf.nn.moments(tf.cast(values, tf.float64) - least, axes)
    mean += least
    is_constant = variance <= (8 * eps * mean) ** 2
    log_std = 0.5 * tf.math.log(tf.where(is_constant, tf.ones_like(variance), variance))
    return tf.cast(mean, values.dtype), tf.cast(log_std, values.dtype)


class InitializedOnce:
    """A mixin for bijectors that set variables of theirs from data, once; that they have is saved with the weights."""

    # The attribute of the variable that says so.
    _flag = "initialized"

    # How many events it asks for; None for those of a batch.
    num_initial_events = None

    def _await_initialization(self, num_events=None):
        if num_events is not None and not is_positive_integer(num_events):
            raise ValueError(f"Expected num_events to be a positive integer; got {num_events!r}.")
        self.num_initial_events = num_events
        setattr(self, self._flag, tf.Variable(False, trainable=False, name=self._flag))
        self._number = next(_numbers)

    @property
    def needs_initialization(self):
        """Whether it still waits for its batch."""
        return not as_array(getattr(self, self._flag))

    def was_updated(self) -> bool:
        """Whether an optimizer has changed it: its own trained variables are zeros at first."""
        # Not those of what it holds: a bijector around another waits for itself alone.
        own = [v for v in vars(self).values() if isinstance(v, tf.Variable) and v.trainable]
        return any(as_array(variable).any() for variable in own)

    def take_as_it_is(self) -> None:
        """Waits no longer, and changes nothing."""
        getattr(self, self._flag).assign(True)

    def _finite(self, values, shape):
        """values (..., *shape) as an array (n, *shape).

        Raises:
            ValueError: where they are not finite.
        """
        values = np.reshape(np.asarray(values), [-1, *shape])
        if not np.isfinite(values).all():
            raise ValueError(f"Expected finite data to initialise {self.name!r} from; got others.")
        return values

    def _is_due(self):
        """Whether the batch that passes now is the one to initialise from."""
        if not is_initializing():
            self._warn_where_it_is_trained()
            return False
        if not tf.executing_eagerly():
            raise ValueError("Expected data-dependent initialisation to run eagerly; got a call inside a tf.function.")
        return self.needs_initialization

    def _warn_where_it_is_trained(self):
        """Says once, of all that is made by then, that a gradient is taken through what still waits."""
        global _last_warned
        if self._number <= _last_warned or _silent.get() or not may_record() or tf.distribute.has_strategy():
            return
        # In a graph too the flag is looked at eagerly.
        with tf.init_scope():
            if not tf.executing_eagerly() or not self.needs_initialization or self.was_updated():
                return
        _last_warned = next(_numbers)
        warnings.warn(
            f"Trained with layers that were to be initialised from data and are not, {self.name!r} for one: call "
            "flow.initialize(x) with some events first, or score them within tfp_flows.bijectors.initializing().",
            stacklevel=2,
        )

    def _initialize(self, **values):
        """Assigns each named variable its value."""
        for name, value in values.items():
            if not np.isfinite(value).all():
                raise ValueError(f"Expected finite data to initialise {self.name!r} from; got {name} {value.numpy()}.")
        for name, value in values.items():
            getattr(self, name).assign(value)
        getattr(self, self._flag).assign(True)


class Measured(InitializedOnce):
    """A mixin for bijectors that hold means and standard deviations of the data, which no optimizer changes."""

    def _await_statistics(self, shape, dtype):
        self.centre = tf.Variable(tf.zeros(shape, dtype), trainable=False, name="centre")
        self.log_unit = tf.Variable(tf.zeros(shape, dtype), trainable=False, name="log_unit")
        self._await_initialization()

    @property
    def shape(self):
        """tuple of ints, of the statistics."""
        return tuple(self.log_unit.shape)

    def measure(self, values: tf.Tensor) -> None:
        """Takes the statistics of values (..., *shape), once."""
        self.set_statistics(*mean_and_log_std(values, list(range(values.shape.rank - len(self.shape)))))

    def set_statistics(self, mean: ArrayLike, log_std: ArrayLike) -> None:
        """Takes statistics that are known, once.

        Args:
            mean, log_std: arrays of `shape`, in the data's unit and its logarithm.

        Raises:
            ValueError: where one is not finite in the bijector's dtype.
        """
        self._initialize(centre=tf.cast(mean, self.dtype), log_unit=tf.cast(log_std, self.dtype))
