"""What the data are measured by before a flow is trained: means and standard deviations of all of them, in float64.

They go into the bijectors that stand for it, `Standardize` at the data's end and `StandardizedContext`, and are saved
with the flow's weights. Learned parameters are then in standard units, and no first batch decides.
"""

import itertools
import warnings

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.bijectors import Bijector, Chain, QuantileMap, Standardize, StandardizedContext
from tfp_flows.data import columns, precision
from tfp_flows.dequantization import IntegerColumns
from tfp_flows.flow import no_data

# Of the data that are kept for a look at single columns.
_MOST_ROWS = 20_000


class Statistics:
    """Mean and standard deviation of what comes in parts, in float64.

    The update of Chan, Golub and LeVeque, Algorithms for computing the sample variance, The American Statistician 37
    (1983), formula 2.1, which does not lose the digits that a sum of squares does.

    Args:
        shape: tuple, of the last axes that have statistics of their own.

    Example:
        >>> import numpy as np
        >>> from tfp_flows.flow.standardization import Statistics
        >>> statistics = Statistics((2,))
        >>> for part in np.array([[[1.0, 7.0], [2.0, 7.0]], [[3.0, 7.0], [6.0, 7.0]]]):
        ...     statistics.update(part)
        >>> statistics.mean.tolist(), np.exp(2 * statistics.log_std).round(3).tolist(), statistics.is_constant.tolist()
        ([3.0, 7.0], [3.5, 1.0], [False, True])
    """

    def __init__(self, shape):
        self.count, self.mean, self._squares = 0, np.zeros(shape), np.zeros(shape)
        self.low, self.high = np.full(shape, np.inf), np.full(shape, -np.inf)
        # The first values, in the dtype in which they come.
        self._kept, self._room = [], _MOST_ROWS

    def update(self, values):
        """Takes in values (..., *shape)."""
        values = np.asarray(values).reshape(-1, *self.mean.shape)
        if not len(values):
            return
        if self._room:
            self._kept.append(values[: self._room])
            self._room -= len(self._kept[-1])
        values = values.astype(np.float64)
        mean, count = values.mean(0), self.count + len(values)
        difference = mean - self.mean
        self._squares += np.square(values - mean).sum(0) + difference**2 * self.count * len(values) / count
        self.mean = self.mean + difference * len(values) / count
        self.count = count
        self.low, self.high = np.minimum(self.low, values.min(0)), np.maximum(self.high, values.max(0))

    @property
    def sample(self):
        """Array, of the values that came first."""
        return np.concatenate(self._kept)

    @property
    def is_constant(self):
        """Array of bools, whether all values were the same."""
        return self.low == self.high

    @property
    def log_std(self):
        """Array, the logarithm of the standard deviation; 0 where all values were the same."""
        variance = np.where(self.is_constant, 1.0, self._squares / max(self.count, 1))
        return 0.5 * np.log(variance)


def measure(flow, data, steps=None):
    """Sets the fixed statistics of a flow that waits for them, from all of its training data.

    Args:
        flow: `tfp_flows.Flow`.
        data: `tf.data.Dataset` or `keras.utils.PyDataset` of batches as Keras' fit takes them, or a pair of arrays,
            events and contexts, of which either may be None.
        steps: int, how many batches count; None for all. Needed of a data set without end, which is otherwise left to
            the first batch.

    Raises:
        ValueError: where the data are not finite, a column is constant, or one is such that the flow's dtype cannot
            tell its values apart.

    Warns:
        UserWarning: of columns of few values and of copied events, see `tfp_flows.data.columns`.
    """
    before, standardize, quantiles, contexts = _waiting(flow)
    if not (standardize or quantiles or contexts) or not _is_repeatable(data, steps):
        return
    first = [*standardize, *quantiles][:1]
    events = Statistics(standardize[0].shape if standardize else flow.event_shape) if first else None
    given = [Statistics(part.shape) for part in contexts]
    for x, context in _batches(data, steps):
        if events is not None and x is not None:
            events.update(_before(before, x, flow.variable_dtype))
        for statistics in given:
            if context is not None:
                statistics.update(context)
    if events is not None and events.count:
        _check(flow, events)
    for part, statistics in [*zip(standardize, [events]), *zip(contexts, given)]:
        if statistics.count:
            part.set_statistics(statistics.mean, statistics.log_std)
    if quantiles and events.count:
        sample = events.sample.astype(np.float64)
        if isinstance(flow.dequantization, IntegerColumns):
            sample = flow.dequantization(sample, seed=[flow.seed, 0], dtype=tf.float64)[0].numpy()
        if standardize:
            sample = (sample - events.mean) * np.exp(-events.log_std)
        quantiles[0].measure(sample, seed=flow.seed)
    for statistics in given:
        if statistics.count:
            precision.check(statistics.sample, flow.variable_dtype, "the context")


def _check(flow, events):
    """Refuses what no density can be fitted to, and warns of what makes it other than it seems."""
    names = flow.column_titles
    columns.check_constant(np.atleast_1d(events.low), np.atleast_1d(events.high), names=names)
    precision.check(events.sample, flow.variable_dtype, names=names)
    if len(flow.event_shape) == 1 and events.mean.ndim == 1:
        for sentence in columns.remarks(events.sample, getattr(flow.dequantization, "columns", ()), names):
            warnings.warn(sentence, stacklevel=4)


def _waiting(flow):
    """The bijectors that the data meet first, where they are ones that wait for statistics, and those of contexts."""
    leading = [flow.distribution.bijector] if flow.can_encode else []
    while leading and isinstance(leading[0], Chain):
        leading = leading[0].bijectors
    before = []
    # The user's own, to events with bounds.
    if len(leading) > 1 and isinstance(leading[1], Standardize) and not isinstance(leading[0], Bijector):
        before, leading = leading[:1], leading[1:]
    standardize = [part for part in leading[:1] if isinstance(part, Standardize)]
    quantiles = [part for part in leading[len(standardize) :][:1] if isinstance(part, QuantileMap)]
    contexts = [part for part in flow.distribution.submodules if isinstance(part, StandardizedContext)]
    # A chain in the place of a part hands the context on as it is, another one of these does not.
    contexts = [part for part in contexts if not any(part in outer.bijector.submodules for outer in contexts)]
    waiting = ([part for part in parts if part.needs_initialization] for parts in (standardize, quantiles, contexts))
    return before, *waiting


def _before(bijectors, x, dtype):
    """Events as the statistics are taken of them: past bijectors of the user's."""
    for bijector in bijectors:
        given, x = np.asarray(x), bijector.inverse(tf.cast(x, dtype)).numpy()
        wrong = int((~np.isfinite(x)).any(-1).sum())
        if wrong:
            raise ValueError(
                f"Expected events within the bounds of {bijector.name!r}; got {wrong} of {len(given)} "
                "on them or beyond."
            )
    return x


def _is_repeatable(data, steps):
    """Whether the data can be gone through before training begins, and end."""
    if isinstance(data, tf.data.Dataset):
        return steps is not None or data.cardinality() != tf.data.INFINITE_CARDINALITY
    return isinstance(data, (tuple, tf.distribute.DistributedDataset, keras.utils.PyDataset))


def _batches(data, steps):
    """Pairs of events and contexts, as arrays or None."""
    if isinstance(data, tuple):
        yield data
        return
    if isinstance(data, keras.utils.PyDataset):
        data = map(data.__getitem__, range(len(data)))
    for batch in itertools.islice(data, steps):
        for part in on_replicas(batch):
            x, context, _ = keras.utils.unpack_x_y_sample_weight(part)
            yield None if no_data.is_none(x) else x, context


def on_replicas(batch):
    """The parts of a batch, one for each device that it lies on: the batch itself where it lies on none in particular.

    Args:
        batch: structure of tensors, as Keras' fit takes it.
    """
    leaves = [tf.distribute.get_strategy().experimental_local_results(leaf) for leaf in tf.nest.flatten(batch)]
    return [tf.nest.pack_sequence_as(batch, parts) for parts in zip(*leaves)]
