"""Where training starts: data sets are looked into, and layers that initialise from data do so, once.

What has been trained meanwhile by other means is never initialised again.
"""

import warnings

import keras
import tensorflow as tf

from tfp_flows.bijectors import initialization
from tfp_flows.flow import no_data, standardization


def prepare(flow, x, steps=None):
    """Checks a data set; where that is due, measures it and lets the flow initialise from its first batch.

    Args:
        flow: `tfp_flows.Flow`.
        x: `tf.data.Dataset`, generator or `keras.utils.PyDataset`.
        steps: int, batches of an epoch, or None for all.

    Returns:
        The data set to train on, nothing of it lost.

    Raises:
        ValueError: where its events do not suit the flow, or there are none.
    """
    needs_data = flow.objective.needs_data
    if isinstance(x, tf.data.Dataset) and x.cardinality() == 0:
        raise ValueError("Expected a data set with at least one batch; got an empty one.")
    if not (adopt_what_was_trained(flow) or flow.is_initialized):
        standardization.measure(flow, x, steps)
    if not flow.is_initialized or not needs_data:
        batch, x = first_batch(x)
        if batch is None:
            raise ValueError("Expected a data set with at least one batch; got an empty one.")
        first, context, _ = keras.utils.unpack_x_y_sample_weight(batch)
        first, count = no_data.events_and_count(first)
        context = None if context is None else context[:count]
        if not flow.is_initialized:
            flow.initialize(first if needs_data else int(count), context)
        if not needs_data:
            flow.objective.try_out(flow, first, context, count)
    flow.has_started = True
    return x


def from_batch(flow, x, context):
    """A flow that waits for data initialises from a batch at hand."""
    if not (adopt_what_was_trained(flow) or flow.is_initialized):
        flow.initialize(x, context)


def initialize_where_training_starts(flow, x, context):
    """Of a training that is not `fit`: a flow that waits for data initialises from a batch that it is called with.

    In a graph there are no data: the layers are taken as they are, with a warning.
    """
    # In a graph too the layers' flags are looked at eagerly.
    with tf.init_scope():
        waits = not (adopt_what_was_trained(flow) or flow.is_initialized)
    if waits and tf.executing_eagerly():
        if not initialization.is_initializing():
            flow.initialize(x, context)
    elif waits and not tf.distribute.has_strategy():
        warnings.warn(
            "The flow is trained with layers that were to be initialised from data and are not: call "
            "flow.initialize(x) with some events first.",
            stacklevel=3,
        )
        with tf.init_scope():
            for part in _waiting(flow):
                part.take_as_it_is()
    flow.has_started = True


def adopt_what_was_trained(flow):
    """Leaves layers as they are that wait for data and were trained meanwhile; whether there were any.

    To initialise them now would undo that training.
    """
    waiting = _waiting(flow)
    if not any(part.was_updated() for part in waiting):
        return False
    for part in waiting:
        part.take_as_it_is()
    return True


def _waiting(flow):
    parts = (*flow.distribution.submodules, *getattr(flow.dequantization, "submodules", ()))
    return [part for part in parts if isinstance(part, initialization.InitializedOnce) and part.needs_initialization]


def first_batch(x):
    """The first batch of a data set without losing it, and the data set to train on.

    Returns:
        batch, x: the same data set, or for a one-shot generator one that gives the batch again.
    """
    if isinstance(x, keras.utils.PyDataset):
        return x[0], x
    if isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset)):
        batch = next(iter(x), None)
        return None if batch is None else standardization.on_replicas(batch)[0], x
    iterator = iter(x)
    batch = next(iterator, None)
    return batch, _again(batch, iterator)


def _again(batch, iterator):
    yield batch
    yield from iterator
