"""What a conditional flow p(x given context) is conditioned on: vectors, or class labels.

Labels are integers 0..num_classes-1, or text where the flow's `class_labels` say what it stands for; the networks see
them as one-hot vectors. A label out of range is refused in
eager code and in arrays given to `fit`; inside a graph (a data set, a served model), where nothing can be raised, every
density, event or latent that it leads to is NaN: never another class's.
"""

import numpy as np
import tensorflow as tf

from tfp_flows.bijectors.routing import context_options
from tfp_flows.flow import class_labels


def check(flow, context, n=None, any_rank=False):
    """The context as a tensor, or one clear error.

    Args:
        flow: `tfp_flows.Flow`.
        context: None, vectors (n, *context_shape), labels (n,) or one label for all.
        n: int or tensor, the events that it goes with; None where that is not known.
        any_rank: bool, whether there may be any number of axes in the place of n.

    Returns:
        (), or a tuple of the tensor: what the flow's traced functions take after their other arguments.

    Raises:
        ValueError: where a context is missing or not wanted, there are not as many as events, or labels are no integers
            or out of range.
    """
    if flow.takes_context != (context is not None):
        wanted = "a context, for the flow is conditional" if flow.takes_context else "no context"
        raise ValueError(f"Expected {wanted}; got {'none' if context is None else 'one'}.")
    if context is None:
        return ()
    if flow.num_classes is None:
        context = _numbers(flow, context, any_rank)
        ndims = len(shape_of_one(flow))
        _check_count(context, 1 + ndims, n)
        # Of one rank, whether it is one for all or one for each: what is traced for both would know of no rank.
        return (context[tf.newaxis] if n is not None and context.shape.rank == ndims else context,)
    context = class_labels.from_text(flow, context)
    labels = context if tf.is_tensor(context) else np.asarray(context)
    _check_labels(labels, flow.num_classes, any_rank)
    _check_count(labels, 1, n)
    labels = tf.cast(labels, tf.int32)
    if labels.shape.rank == 0 and n is not None:
        labels = tf.fill([n], labels)
    return (labels,)


def check_spec(flow, spec):
    """Refuses the contexts of a data set by what is known of them beforehand.

    Args:
        flow: `tfp_flows.Flow`.
        spec: `tf.TensorSpec` of a batch, or None.

    Raises:
        ValueError: as `check`.
    """
    if spec is not None and not flow.takes_context:
        raise ValueError(
            f"Expected batches of events alone, for the flow is not conditional; got pairs, the second "
            f"{spec.dtype.name} {spec.shape} (dataset.map(lambda x, y: x) leaves it out)."
        )
    if spec is None:
        check(flow, None)
        return
    shape = _batch_shape(flow)
    fits = shape is None or tf.TensorShape(spec.shape).is_compatible_with(shape)
    if flow.num_classes is None and not (fits and (spec.dtype.is_floating or spec.dtype.is_integer)):
        _refuse_vectors(flow, f"{spec.dtype.name} {spec.shape}")
    if flow.num_classes is not None and not (fits and spec.dtype.is_integer):
        _refuse(f"{spec.dtype.name} {spec.shape}", flow.num_classes)


def with_shape(flow, context):
    """A batch of contexts, a tensor, of the shape that the flow wants."""
    shape = _batch_shape(flow)
    return context if shape is None else tf.ensure_shape(context, shape)


def features(flow, context):
    """What the networks see: labels as one-hot vectors (batch, num_classes); others unchanged.

    What comes of a label out of range is to be taken out of the result, see `void_unknown`: a NaN among the features
    would not do, for kernels that fuse a ReLU take the larger of NaN and 0 for 0 on some processors.

    Args:
        flow: `tfp_flows.Flow`.
        context: tensor.
    """
    if flow.num_classes is None:
        return context
    context = tf.convert_to_tensor(context)
    if not context.dtype.is_integer or context.shape.rank not in (None, 1):
        _refuse(f"{context.dtype.name} {context.shape}", flow.num_classes)
    return tf.one_hot(context, flow.num_classes, dtype=flow.variable_dtype)


def void_unknown(flow, context, values):
    """Values (batch, ...) as they are, NaN where the label that they were computed for is none of the classes'.

    Args:
        flow: `tfp_flows.Flow`.
        context: tensor, as `features` takes it, or None.
        values: floating tensor (batch, ...).
    """
    if flow.num_classes is None or context is None:
        return values
    context = tf.convert_to_tensor(context)
    known = (context >= 0) & (context < flow.num_classes)
    known = tf.reshape(known, [-1] + [1] * (values.shape.rank - 1))
    return tf.where(known, values, tf.constant(float("nan"), values.dtype))


def _numbers(flow, context, any_rank=False):
    """A context of vectors, a tensor; class labels in their place are refused."""
    if not tf.is_tensor(context):
        context = np.asarray(context)
        if context.dtype.kind not in "iuf":
            _refuse_vectors(flow, f"{context.dtype.name} {context.shape}")
        context = tf.convert_to_tensor(context)
    if context.dtype in (tf.string, tf.bool):
        _refuse_vectors(flow, f"{context.dtype.name} {context.shape}")
    shape = context_shape(flow)
    rank = context.shape.rank
    ndims = len(shape_of_one(flow))
    # Without a batch's axis it may be one for all.
    fits = rank is None or (rank >= ndims if any_rank else rank in (ndims, ndims + 1))
    if not fits or (shape and rank is not None and not context.shape[rank - ndims :].is_compatible_with(shape)):
        _refuse_vectors(flow, f"{context.dtype.name} {context.shape}")
    if hasattr(context, "numpy") and not np.isfinite(context.numpy()).all():
        wrong = int((~np.isfinite(context.numpy())).sum())
        raise ValueError(f"Expected finite numbers in the context; got {wrong} NaN or infinite.")
    return context


def _batch_shape(flow):
    """Static shape of a batch of contexts; None where it is not known."""
    if flow.num_classes is not None:
        return [None]
    shape = context_shape(flow)
    return None if shape is None else [None, *shape]


def context_shape(flow):
    """Static shape of one context, a tuple, which the networks know; None where they do not agree."""
    return flow.known_context_shape


def options(distribution, context):
    """The keyword arguments of a distribution's methods that hand a context to every level of it.

    Args:
        distribution: `tfd.Distribution`.
        context: tensor, what the networks are given.

    Returns:
        dict of bijector_kwargs and, where the base is itself a conditional flow, distribution_kwargs; {} where none
        takes a context.
    """
    if not (hasattr(distribution, "bijector") and hasattr(distribution, "distribution")):
        return {}
    given = dict(
        bijector_kwargs=context_options(distribution.bijector, context),
        distribution_kwargs=options(distribution.distribution, context),
    )
    return {key: value for key, value in given.items() if value}


def shape_of_one(flow):
    """Static shape of one context, a tuple: () of a label; (None,) of a vector of which no more is known."""
    return () if flow.num_classes is not None else context_shape(flow) or (None,)


def _refuse_vectors(flow, what):
    shape = context_shape(flow)
    size = "" if shape is None else f" of shape (n, {', '.join(map(str, shape))})"
    raise ValueError(
        f"Expected a context{size} of numbers; got {what} (class labels are for a flow with num_classes, and "
        "tfp_flows.data.Labels makes 0..n-1 of any)."
    )


def _check_count(context, rank, n):
    """Refuses a list of contexts that is not as long as that of the events; a single one is for all."""
    n = None if n is None else tf.get_static_value(n)
    if n is not None and len(context.shape) == rank and context.shape[0] not in (None, 1, n):
        raise ValueError(f"Expected one context for each of {n} events; got {context.shape[0]}.")


def _check_labels(labels, num_classes, any_rank=False):
    if not tf.as_dtype(labels.dtype).is_integer or not (any_rank or len(labels.shape) < 2):
        _refuse(f"{tf.as_dtype(labels.dtype).name} {tuple(labels.shape)}", num_classes)
    if tf.is_tensor(labels) and not hasattr(labels, "numpy"):
        return
    values = np.asarray(labels)
    wrong = values[(values < 0) | (values >= num_classes)]
    if wrong.size:
        _refuse(wrong.flat[0], num_classes)


def _refuse(what, num_classes):
    raise ValueError(
        f"Expected class labels as integers 0..{num_classes - 1}, one an event; got {what} "
        "(tfp_flows.data.Labels makes them of others)."
    )
