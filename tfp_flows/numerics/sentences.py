"""Refusals out of a graph, where nothing can be raised: an op fails with a sentence, what ran the graph raises it.

TensorFlow's message is full of names of ops; the sentence stands in it between marks of its kind. A client of a server
sees the message itself, so that what is traced for one has the sentence in one piece: see `in_one_piece`. XLA has no op
that puts values into text, and everywhere else TensorFlow prints the pieces and the values side by side.
"""

import contextlib
import contextvars

import tensorflow as tf

_IN_ONE_PIECE = contextvars.ContextVar("in_one_piece", default=False)


def require(condition, sentence, values, kind):
    """An operation that fails with a sentence where a condition does not hold; eager code runs it at once.

    XLA compiles it, and ignores it on devices that cannot stop.

    Args:
        condition: scalar bool tensor.
        sentence: str, "Expected ...; got {}.", with a pair of braces for each value.
        values: sequence of tensors.
        kind: str, a word that `raising` knows it by.
    """
    opened, closed = _marks(kind)
    sentence = opened + sentence + closed
    if tf.executing_eagerly() or _IN_ONE_PIECE.get():
        shown = [tf.strings.format(sentence, tuple(values))]
    else:
        first, *pieces = sentence.split("{}")
        shown = [first, *(part for pair in zip(values, pieces, strict=True) for part in pair)]
    return tf.debugging.Assert(condition, shown, summarize=1)


@contextlib.contextmanager
def in_one_piece():
    """Around what is traced for a server, which never compiles it by XLA."""
    token = _IN_ONE_PIECE.set(True)
    try:
        yield
    finally:
        _IN_ONE_PIECE.reset(token)


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
        # As TensorFlow prints pieces and values: [piece] [value] [piece].
        raise error_class(rest.partition(closed)[0].replace("] [", "")) from error


def _marks(kind):
    return f"<{kind}> ", f" </{kind}>"
