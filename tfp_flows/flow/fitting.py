"""What `Flow.fit` does before Keras' own: data checked and ordered by (seed, epoch), the epoch announced.

Keras shuffles arrays with hidden generator state, so that a resumed run sees another order than an uninterrupted one.
Here arrays go through `tfp_flows.data.pipeline`, whose order is a function of (seed, epoch); dropout likewise.
"""

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.bridge.layers import flatten_layers
from tfp_flows.data import pipeline
from tfp_flows.flow import class_labels, events, loaders, no_data, sample_weights, start
from tfp_flows.flow import context as contexts


class EpochClock(keras.callbacks.Callback):
    """Tells the data pipelines and the dropout layers which epoch is running; `Flow.fit` adds it by itself."""

    def on_epoch_begin(self, epoch, logs=None):
        pipeline.set_epoch(epoch)
        for i, generator in enumerate(_generators_of_dropout(self.model)):
            state = np.random.SeedSequence([self.model.seed, i, epoch]).generate_state(2)
            generator.state.assign(state.astype("uint32"))


class WithinEpoch(keras.callbacks.Callback):
    """Lets dropout go on within an epoch, as where the steps before it had just been taken.

    Args:
        num_steps: int, of the first epoch of a fit that were taken by a fit before it.
    """

    def __init__(self, num_steps):
        super().__init__()
        self.num_steps = num_steps

    def on_epoch_begin(self, epoch, logs=None):
        # Each layer draws once a step.
        for generator in _generators_of_dropout(self.model):
            generator.state.assign_add(np.array([0, self.num_steps], "uint32"))
        self.num_steps = 0


def with_clock(callbacks, names):
    """The callbacks of a fit with `EpochClock` first; those that monitor our metrics are told that less is better.

    Keras knows a metric's direction only where it was given to `compile`.

    Args:
        callbacks: None, a callback, a list of them or a `keras.callbacks.CallbackList`.
        names: sequence of str, what the objective logs.
    """
    is_list = isinstance(callbacks, keras.callbacks.CallbackList)
    given = callbacks.callbacks if is_list else tf.nest.flatten([] if callbacks is None else callbacks)
    for callback in given:
        monitored = str(getattr(callback, "monitor", "")).removeprefix("val_")
        if monitored in names and getattr(callback, "mode", None) == "auto":
            callback.mode = "min"
    # Of a list's members Keras makes a list of its own, with the model, its history and its progress.
    return [EpochClock(), *given]


def is_array(x):
    """Whether x is an array, a tensor or a nested list, and no data set, generator or `keras.utils.PyDataset`."""
    return isinstance(x, (np.ndarray, list)) or tf.is_tensor(x) or hasattr(x, "__array__")


def batches(flow, x, y, sample_weight, batch_size, shuffle, validation_split=0.0, steps=None):
    """What is given to `fit` or `evaluate`, checked; arrays, or no x, as a `tf.data.Dataset` of batches.

    Returns:
        x, y, sample_weight as Keras takes them, and the arrays (x, y, sample_weight) held out for validation, or None.

    Raises:
        ValueError: for bad events or contexts, no x for an objective that needs data, or no number of steps without.
    """
    held_out = None
    if x is None and not flow.objective.needs_data:
        if y is None and steps is None:
            raise ValueError(
                "Expected the number of steps (steps_per_epoch, or steps of evaluate) without data; got none."
            )
        x, y = _without_data(flow, y, batch_size, shuffle), None
    elif x is None:
        raise ValueError("Expected x, the events to fit or to evaluate; got None.")
    elif is_array(x):
        arrays = _checked(flow, x, y, sample_weight)
        if validation_split:
            arrays, held_out = split_validation(arrays, validation_split)
        x, y, sample_weight = array_batches(arrays, batch_size, flow.seed, shuffle), None, None
    else:
        x = loaders.as_batches(flow, x)
    return x, y, sample_weight, held_out


def validation_batches(flow, data, batch_size):
    """Validation data as `fit` takes them: arrays, checked, as batches, and what gives batches."""
    if data is None:
        return None
    if is_array(data) and not isinstance(data, list):
        data = (data,)
    if not isinstance(data, (tuple, list)) or not data or not is_array(data[0]):
        return loaders.as_batches(flow, data, "validation_data")
    arrays = _checked(flow, *keras.utils.unpack_x_y_sample_weight(tuple(data)), what="validation_data")
    return array_batches(arrays, batch_size, flow.seed, shuffle=False)


def refuse_class_weight(class_weight):
    """Raises a ValueError where there are class weights, which no density has a use for."""
    if class_weight is not None:
        raise ValueError(
            "Expected class_weight=None, for y is what the flow is conditioned on (sample_weight weighs events); "
            f"got {class_weight!r}."
        )


def scored_batches(flow, x, context, batch_size):
    """What is given to `predict`: arrays, or a pair of them, as a data set of batches; what gives batches, checked."""
    if not (is_array(x) or _is_pair(x)):
        if context is not None:
            raise ValueError("Expected contexts beside events in the batches of x, which is no array; got context.")
        return loaders.as_batches(flow, x)
    x, *given = scored_arrays(flow, x, context)
    if given and given[0].shape[0] != len(x):
        given = (tf.repeat(given[0], len(x), axis=0),)
    return array_batches((x, *given, *[None] * (2 - len(given))), batch_size, flow.seed, shuffle=False)


def scored_arrays(flow, x, context=None):
    """Events, or a pair of events and contexts, as tensors that were checked: events as reals, and the contexts."""
    if _is_pair(x) and context is None:
        x, context = x
    x = flow.as_reals(x)
    return x, *contexts.check(flow, context, len(x))


def is_one_batch(flow, x, batch_size):
    """Whether what is given to `predict` are arrays of one batch, for a flow that computes as it does by itself."""
    array = x[0] if _is_pair(x) else x
    if not is_array(array) or isinstance(array, list) or not 0 < len(array) <= (batch_size or 32):
        return False
    # What a user's subclass does in their place is called.
    is_own = all(f.__module__.startswith("tfp_flows.") for f in (type(flow).call, type(flow).predict_step))
    return is_own and not (flow.run_eagerly or flow.jit_compile or flow.distribute_strategy.num_replicas_in_sync > 1)


def _is_pair(x):
    return isinstance(x, tuple) and len(x) == 2 and is_array(x[0])


def one_batch(flow, x, y, sample_weight):
    """Arrays of one batch, checked; a flow that waits for data initialises from it."""
    if not flow.objective.needs_data:
        raise ValueError(f"Expected an objective of data to train on a batch; got {type(flow.objective).__name__}.")
    x, y, sample_weight = _checked(flow, x, y, sample_weight)
    start.from_batch(flow, x, y)
    return x, y, sample_weight


def _checked(flow, x, y, sample_weight, what="x"):
    if y is not None:
        y = class_labels.from_text(flow, y)
        contexts.check(flow, y)
    x = events.check_training_events(flow, x, what)
    return x, y, None if sample_weight is None else sample_weights.check(sample_weight, len(x))


def _without_data(flow, y, batch_size, shuffle):
    """Batches without events, without end where no contexts bound them."""
    if y is None:
        return no_data.dataset(batch_size or 32)
    y = class_labels.from_text(flow, y)
    contexts.check(flow, y)
    return no_data.beside(array_batches((y, None, None), batch_size, flow.seed, shuffle))


def array_batches(arrays, batch_size, seed, shuffle):
    """A `tf.data.Dataset` of (x[, y[, sample_weight]]); shuffled, in an order that (seed, epoch) alone decide.

    Unshuffled arrays go this way too: Keras drops sample weights that come without a y.
    """
    given = tuple(np.asarray(a) for a in arrays if a is not None)
    dataset = pipeline.batches(given, batch_size or 32, shuffle=shuffle, seed=seed)
    x, y, weight = arrays
    if y is None and weight is not None:
        return dataset.map(lambda x, weight: (x, None, weight))
    return dataset


def split_validation(arrays, fraction):
    """The last `fraction` of each array as validation data, as Keras does.

    Raises:
        ValueError: where a part would be empty.
    """
    size = len(arrays[0])
    cut = int(size * (1 - fraction))
    if not 0 < cut < size:
        raise ValueError(f"Expected validation_split to leave events on both sides of {size}; got {fraction!r}.")
    train, validation = zip(*((None, None) if a is None else (a[:cut], a[cut:]) for a in arrays))
    return train, validation


def _generators_of_dropout(model):
    layers = flatten_layers(model)
    return [layer.seed_generator for layer in layers if getattr(layer, "seed_generator", None) is not None]
