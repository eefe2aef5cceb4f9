"""Where training starts: data sets are looked into, and layers that initialise from data do so, once.

What has been trained meanwhile by other means is never initialised again.
"""

import itertools
import warnings

import keras
import numpy as np
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
        batch, x = first_batches(x, _num_events_wanted(flow) if needs_data else 0, steps)
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


def is_set_by_data(flow):
    """Whether a part of the flow is an estimate by itself: it asks for events and has nothing to train."""
    parts = [part for part in flow.distribution.submodules if getattr(part, "num_initial_events", None)]
    return any(not part.trainable_variables for part in parts)


def _num_events_wanted(flow):
    return max((part.num_initial_events or 0 for part in _waiting(flow)), default=0)


def _waiting(flow):
    parts = (*flow.distribution.submodules, *getattr(flow.dequantization, "submodules", ()))
    return [part for part in parts if isinstance(part, initialization.InitializedOnce) and part.needs_initialization]


def first_batches(x, num_events=0, steps=None):
    """The first batch of a data set, or the first ones together where more events are wanted, none of them lost.

    Args:
        x: `tf.data.Dataset`, `tf.distribute.DistributedDataset`, generator or `keras.utils.PyDataset`.
        num_events: int, how many are wanted, where there are as many.
        steps: int, batches of an epoch, or None for all.

    Returns:
        batch, x: the same data set, or for a one-shot generator one that gives the batches again.
    """
    if isinstance(x, keras.utils.PyDataset):
        iterator, is_repeatable = map(x.__getitem__, range(len(x))), True
    else:
        iterator = iter(x)
        is_repeatable = isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset))
    taken, parts, count = [], [], 0
    for batch in itertools.islice(iterator, steps):
        taken.append(batch)
        on_devices = standardization.on_replicas(batch)
        parts += on_devices if num_events else on_devices[:1]
        count += sum(len(tf.nest.flatten(part)[0]) for part in on_devices) if num_events else 0
        if count >= num_events:
            break
    # Keras takes a generator and no other iterator.
    x = x if is_repeatable else (batch for batch in itertools.chain(taken, iterator))
    if len(parts) < 2:
        return (parts[0] if parts else None), x
    return tf.nest.map_structure(lambda *pieces: _joined(pieces, num_events), *parts), x


def _joined(pieces, num_rows):
    # Weights may stand behind contexts that are none.
    return None if pieces[0] is None else np.concatenate(pieces)[:num_rows]
