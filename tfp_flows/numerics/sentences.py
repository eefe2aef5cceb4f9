"""Refusals out of a graph, where nothing can be raised: an op fails with a sentence, what ran the graph raises it.

TensorFlow's message is full of names of ops; the sentence stands in it between marks of its kind.
"""

import contextlib

import tensorflow as tf


def require(condition, sentence, values, kind):
    """An operation that fails with a sentence where a condition does not hold; eager code runs it at once.

    XLA ignores it on devices that cannot stop.

    Args:
        condition: scalar bool tensor.
        sentence: str, "Expected ...; got {}.", with a pair of braces for each value.
        values: sequence of tensors.
        kind: str, a word that `raising` knows it by.
    """
    opened, closed = _marks(kind)
    return tf.debugging.Assert(condition, [tf.strings.format(opened + sentence + closed, tuple(values))], summarize=1)


@contextlib.contextmanager
def raising(error_class, kind):
    """Turns failures of `require` of one kind into errors of a class, with their sentence; others stay as they are."""
    opened, closed = _marks(kind)
    try:
        yield
    except tf.errors.OpError as error:
        _, found, rest = error.message.partition(opened)
        if not found:
            raise
        raise error_class(rest.partition(closed)[0]) from error


def _marks(kind):
    return f"<{kind}> ", f" </{kind}>"
