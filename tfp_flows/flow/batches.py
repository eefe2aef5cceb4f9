"""Batches of any rank, with TFP's shapes: events and contexts go through a flow in rows, and come back in shape.

    x (*batch, *event), context (*others, *context_shape)      n rows, those of batch and others broadcast together
    sample_shape, context (*others, *context_shape)            n rows, (*sample_shape, *others)

One axis of each, the common case, goes through as it is, and a single context for all of its events unrepeated.
"""

import math

import numpy as np
import tensorflow as tf

from tfp_flows.flow import context as contexts
from tfp_flows.flow import events


def joined(flow, x, event_shape, context, check):
    """Events and contexts in rows.

    Args:
        flow: `tfp_flows.Flow`.
        x: array or tensor (*batch, *event_shape).
        event_shape: tuple of ints, of an event or a latent.
        context: as `Flow.log_prob` takes it, or None.
        check: function of rows (n, *event_shape) that refuses bad ones and gives a tensor.

    Returns:
        rows: tensor (n, *event_shape).
        given: () or a tuple of the contexts, for n rows or for all of them.
        restore: function of what comes of the rows, (n, ...), that gives it its batch shape back.

    Raises:
        ValueError: for bad events or contexts, or where their batches cannot be broadcast together.
    """
    x = x if tf.is_tensor(x) else np.asarray(x)
    batch = _batch_shape(x, event_shape)
    is_plain = batch is None or len(batch) == 1
    flat = (tf if tf.is_tensor(x) else np).reshape
    rows = check(x if is_plain else flat(x, [-1, *event_shape]))
    if context is None or not flow.takes_context:
        contexts.check(flow, context)
        return rows, (), (lambda values: values) if is_plain else _restore(batch)
    # Labels (n, 1) or one-hot ones beside n events are a slip: they would be broadcast to n times as many.
    (c,) = contexts.check(flow, context, any_rank=flow.num_classes is None or batch is None or len(batch) != 1)
    others = _split(flow, c)[0]
    if is_plain and len(others) < 2 and not _is_one_for_many(rows, others):
        return rows, contexts.check(flow, context, tf.shape(rows)[0]), lambda values: values
    batch = _dims(rows, 1) if is_plain else batch
    shape = _broadcast(batch, others)
    rows = tf.broadcast_to(tf.reshape(rows, [*batch, *event_shape]), [*shape, *event_shape])
    return tf.reshape(rows, [-1, *event_shape]), (_rows(flow, c, shape),), _restore(shape)


def asked(flow, n, context):
    """What is to be drawn, in rows.

    Args:
        flow: `tfp_flows.Flow`.
        n: int, how many; or a sample shape, a sequence of ints: so many of each context.
        context: as `Flow.sample` takes it, or None.

    Returns:
        n: int32 tensor, of rows.
        given: () or a tuple of the contexts, for n rows or for all of them.
        restore: as of `joined`.

    Raises:
        ValueError: for a bad number, or contexts that are bad or do not go with it.
    """
    shape = events.sample_shape(n)
    if shape is None:
        n = events.check_count(n)
        return tf.convert_to_tensor(n, tf.int32), contexts.check(flow, context, n), lambda values: values
    given = contexts.check(flow, context, any_rank=True)
    if given:
        if not (others := _split(flow, *given)[0]):
            # One for all, unrepeated: a network of contexts looks at it once.
            return tf.cast(_size(shape), tf.int32), (given[0][tf.newaxis],), _restore(shape)
        shape = (*shape, *others)
        given = (_rows(flow, *given, shape),)
    return tf.cast(_size(shape), tf.int32), given, _restore(shape)


def _batch_shape(x, event_shape):
    """Sizes of the axes before an event's; None where it is none, which is refused as rows are."""
    shape = tf.TensorShape(x.shape)
    ndims = 0 if shape.rank is None else shape.rank - len(event_shape)
    if shape.rank is None or ndims < 0 or not shape[ndims:].is_compatible_with(event_shape):
        return None
    return _dims(x, ndims)


def _dims(x, ndims):
    """Sizes of the first axes, ints where they are known."""
    return tuple(tf.shape(x)[i] if size is None else size for i, size in enumerate(tf.TensorShape(x.shape)[:ndims]))


def _split(flow, c):
    """Batch shape of contexts, and shape of one."""
    one = contexts.shape_of_one(flow)
    ndims = c.shape.rank - len(one)
    return _dims(c, ndims), one


def _is_one_for_many(rows, others):
    return rows.shape[0] == 1 and len(others) == 1 and not (isinstance(others[0], int) and others[0] == 1)


def _broadcast(batch, others):
    if all(isinstance(size, int) for size in (*batch, *others)):
        try:
            return np.broadcast_shapes(batch, others)
        except ValueError:
            raise ValueError(
                f"Expected contexts whose batch shape goes with that of the events, {batch}; got {others}."
            ) from None
    shape = tf.broadcast_dynamic_shape(*(tf.cast(tf.convert_to_tensor(sizes), tf.int32) for sizes in (batch, others)))
    return tuple(shape[i] for i in range(max(len(batch), len(others))))


def _rows(flow, c, shape):
    """Contexts (*others, *one) -> (n, *one), for all of a batch shape."""
    one = _split(flow, c)[1]
    one = [tf.shape(c)[-1] if size is None else size for size in one]
    return tf.reshape(tf.broadcast_to(c, [*shape, *one]), [-1, *one])


def _restore(shape):
    return lambda values: tf.reshape(values, [*shape, *_dims(values, values.shape.rank)[1:]])


def _size(shape):
    if all(isinstance(size, int) for size in shape):
        return math.prod(shape)
    return tf.reduce_prod(tf.stack(shape))
