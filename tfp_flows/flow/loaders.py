"""What is iterated over for batches: made into what Keras takes, and every batch checked on its way to the step.

    tf.data.Dataset                          itself, with the checks as ops of its pipeline
    an object whose iterators begin anew     the same of what it gives, begun anew each epoch: a torch DataLoader, ...
    an iterator, a generator                 a generator of tuples, gone through once
    keras.utils.PyDataset, distributed       as they are

Keras would take an object of the second kind for a generator, of which one epoch takes all. Shapes that a data set does
not know are the flow's own from there on.
"""

import keras
import numpy as np
import tensorflow as tf

from tfp_flows.flow import context as contexts
from tfp_flows.flow import events, no_data, sample_weights
from tfp_flows.numerics import sentences

_KIND = "refusal"


def as_batches(flow, x, what="x"):
    """Batches as Keras' fit, evaluate and predict take them.

    Args:
        flow: `tfp_flows.Flow`.
        x: anything that gives batches: x, (x, context) or (x, context, sample_weight).
        what: str, how an error names it.

    Raises:
        ValueError: where it gives none, or such that do not suit the flow.
    """
    if isinstance(x, (keras.utils.PyDataset, tf.distribute.DistributedDataset)):
        return x
    if isinstance(x, tf.data.Dataset):
        return _checked(flow, x, what)
    if isinstance(x, (dict, str, bytes)) or not hasattr(x, "__iter__"):
        raise ValueError(
            f"Expected {what} to be an array of events, a tf.data.Dataset, or what gives batches of them; "
            f"got {_describe(x)}."
        )
    return _tuples(flow, x, what) if iter(x) is x else _checked(flow, _begun_anew(x, what), what)


def check_batch(flow, batch, what="x"):
    """Refuses a batch that is at hand, of the kind that the objective takes; what it cannot see it leaves."""
    _refuse_others(batch, what)
    x, context, weight = keras.utils.unpack_x_y_sample_weight(batch)
    if not no_data.is_none(x):
        _refuse_others(x, what)
        check = events.check_training_events if flow.objective.needs_data else _check_events
        check(flow, x, what)
    contexts.check(flow, context)
    if weight is not None:
        sample_weights.check(weight, None)


def refusals_in_a_sentence():
    """A context that turns what a pipeline's checks raise into a ValueError; it leaves every other error as it is."""
    return sentences.raising(ValueError, _KIND)


def _check_events(flow, x, what):
    events.check_events(x, flow.event_shape, flow.num_bins, what)


def _checked(flow, dataset, what):
    """The data set, its batches refused by what is known of them beforehand, and the rest as they come."""
    spec = dataset.element_spec
    _refuse_others(spec, what)
    x, context, weight = keras.utils.unpack_x_y_sample_weight(spec)
    # In the place of a None stands a spec of nothing.
    context, weight = (part if hasattr(part, "dtype") else None for part in (context, weight))
    has_events = not no_data.is_none(x)
    if has_events:
        _refuse_others(x, what)
        events.check_spec(x.shape, x.dtype, flow.event_shape, flow.num_bins, what)
    contexts.check_spec(flow, context)
    if weight is not None:
        sample_weights.check_spec(weight)

    def check(*batch):
        x, context, weight = keras.utils.unpack_x_y_sample_weight(batch if len(batch) > 1 else batch[0])
        if has_events:
            x = _check_values(tf.ensure_shape(x, [None, *flow.event_shape]), flow.num_bins, what)
        if context is not None:
            context = contexts.with_shape(flow, context)
            labels = flow.num_classes
            context = _check_values(context, labels, "the context" if labels is None else "the class labels")
        if weight is not None:
            weight = _check_values(sample_weights.flat(weight), None, "sample_weight", least=0)
        return _packed(x, context, weight)

    return dataset.map(check, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _check_values(values, num_levels, what, least=None):
    """Values as they are, behind checks that raise our sentence: integers below num_levels, floats that are finite."""
    if values.dtype.is_integer:
        if num_levels is None or (values.dtype.min >= 0 and values.dtype.max < num_levels):
            return values
        top = tf.cast(num_levels, values.dtype) if num_levels <= values.dtype.max else values.dtype.max
        low, high = tf.reduce_min(values), tf.reduce_max(values)
        fine = (low >= 0) & ((high < top) if num_levels <= values.dtype.max else True)
        sentence, shown = f"Expected integers 0..{num_levels - 1} in {what}; got {{}}..{{}}.", [low, high]
    elif values.dtype.is_floating:
        fine = tf.reduce_all(tf.math.is_finite(values))
        wrong = tf.math.count_nonzero(~tf.math.is_finite(values))
        sentence, shown = f"Expected finite numbers in {what}; got {{}} NaN or infinite.", [wrong]
    else:
        return values
    values = _behind(values, fine, sentence, shown)
    if least is not None:
        low = tf.reduce_min(values)
        sentence = f"Expected {what} of at least {least}; got {{}}."
        values = _behind(values, low >= tf.cast(least, low.dtype), sentence, [low])
    return values


def _behind(values, fine, sentence, shown):
    with tf.control_dependencies([sentences.require(fine, sentence, shown, _KIND)]):
        return tf.identity(values)


def _begun_anew(loader, what):
    """A data set of a loader's batches, which are iterated over by Python, ahead of the steps."""
    first = next(iter(loader), None)
    if first is None:
        raise ValueError(f"Expected {what} to give at least one batch; got an empty {type(loader).__name__}.")
    _refuse_others(first, what)
    parts = _parts(first)
    signature = tuple(tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in parts if part is not None)

    def batches():
        for batch in loader:
            yield tuple(part for part in _parts(batch) if part is not None)

    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    if hasattr(loader, "__len__"):
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(loader)))

    def with_gaps(*given):
        given = iter(given)
        return _packed(*(None if part is None else next(given) for part in parts))

    return dataset.map(with_gaps).prefetch(tf.data.AUTOTUNE)


def _tuples(flow, batches, what):
    """The batches of an iterator as tuples, for Keras takes nothing else from one."""
    for batch in batches:
        _refuse_others(batch, what)
        parts = _parts(batch)
        check_batch(flow, parts, what)
        yield parts


def _parts(batch):
    """A batch as a tuple of arrays or None, of at most three."""
    x, context, weight = keras.utils.unpack_x_y_sample_weight(tuple(batch) if isinstance(batch, list) else batch)
    parts = [part if part is None or no_data.is_none(part) else np.asarray(part) for part in (x, context, weight)]
    while len(parts) > 1 and parts[-1] is None:
        parts.pop()
    return tuple(parts)


def _packed(x, context=None, weight=None):
    """A batch as Keras takes it, whose own function for this drops the weights of events without a context."""
    if weight is not None:
        return x, context, weight
    return x if context is None else (x, context)


def _refuse_others(batch, what):
    """Refuses batches by name, which Keras hands on as they are."""
    if isinstance(batch, dict) and not no_data.is_none(batch):
        raise ValueError(
            f"Expected batches of {what} as events, (events, context) or (events, context, sample_weight); got a dict "
            f"of {', '.join(map(repr, batch))} (dataset.map(lambda batch: batch[...]) takes one of them)."
        )
    if isinstance(batch, tuple) and len(batch) > 3:
        raise ValueError(
            f"Expected batches of {what} as events, (events, context) or (events, context, sample_weight); "
            f"got {len(batch)} parts."
        )


def _describe(x):
    if isinstance(x, dict):
        return f"a dict of {', '.join(map(repr, x))}"
    return repr(x) if isinstance(x, (str, bytes, int, float)) else type(x).__name__
