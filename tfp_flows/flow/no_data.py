"""Batches for an objective that draws its own samples, where `fit` is given no events: how many, and nothing else.

Keras wants tensors with an axis of the batch, which strategies share out among replicas: a batch is a dictionary of one
tensor of places, known by its key, and never taken for events.
"""

import tensorflow as tf

_KEY = "places_of_samples"


def dataset(batch_size):
    """A `tf.data.Dataset` of such batches, without end."""
    return tf.data.Dataset.from_tensors({_KEY: tf.zeros([batch_size], tf.bool)}).repeat()


def beside(contexts):
    """A data set of contexts (batch, ...) as one of pairs: places for samples, and the contexts to draw them for."""
    return contexts.map(lambda context: ({_KEY: tf.zeros(tf.shape(context)[:1], tf.bool)}, context))


def is_none(x):
    """Whether what stands in the place of a batch of events is such a batch, or the spec of one."""
    return isinstance(x, dict) and set(x) == {_KEY}


def events_and_count(x):
    """(events, or None where there are none; their number, an int tensor)."""
    if is_none(x):
        return None, tf.shape(x[_KEY])[0]
    return x, tf.shape(x)[0]
