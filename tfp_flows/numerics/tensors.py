"""Tensor operations that TensorFlow has not, or only in a slow form. They know nothing of the package."""

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf


def permute(x, permutation):
    """Permutes the last axis: y[..., i] = x[..., permutation[i]].

    TensorFlow's gradient of a gather is a scatter-add, since it cannot know that no index comes twice. That of a
    permutation is the inverse permutation, several times faster.

    Args:
        x: tensor (..., n).
        permutation: sequence of n ints, a permutation of 0..n-1.

    Returns:
        tensor (..., n).

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> tensors.permute(tf.constant([10.0, 11.0, 12.0]), [2, 0, 1]).numpy().tolist()
        [12.0, 10.0, 11.0]
    """
    permutation = np.asarray(permutation)
    n = permutation.size
    if np.array_equal(permutation, np.arange(n)):
        return x
    if np.array_equal(permutation, np.arange(n)[::-1]):
        return tf.reverse(x, [-1])
    return _gather_last(x, permutation, np.argsort(permutation))


def size_of(x, begin, end):
    """How many elements some axes of a tensor have together, as a factor of its dtype.

    Args:
        x: tensor of known rank.
        begin, end: ints, the axes begin, ..., end - 1, as a slice has them.

    Returns:
        A Python int where the sizes are known, which costs no operation; else a scalar tensor.

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> tensors.size_of(tf.zeros([2, 4, 5, 3]), -3, -1), tensors.size_of(tf.zeros([2, 3]), -1, -1)
        (20, 1)
    """
    sizes = x.shape[begin:end]
    if sizes.is_fully_defined():
        return sizes.num_elements()
    return tf.cast(tf.reduce_prod(tf.shape(x)[begin:end]), x.dtype)


def reshape_like(x, like):
    """x in the shape of another tensor of as many elements; by a constant where at most one of its sizes is unknown.

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> tensors.reshape_like(tf.range(6), tf.zeros([2, 3])).numpy().tolist()
        [[0, 1, 2], [3, 4, 5]]
    """
    sizes = None if like.shape.rank is None else like.shape.as_list()
    if sizes is not None and sizes.count(None) <= 1 and 0 not in sizes:
        shaped = tf.reshape(x, [-1 if size is None else size for size in sizes])
    else:
        shaped = tf.reshape(x, tf.shape(like))
    shaped.set_shape(like.shape)
    return shaped


def as_array(value):
    """The value of a variable or a tensor, an array, wherever it is asked for.

    Within `strategy.scope()` a variable of a `tf.distribute.Strategy` makes no array of itself.

    Args:
        value: `keras.Variable`, `tf.Variable`, tensor, `tf.IndexedSlices` or array.

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> tensors.as_array(tf.Variable([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """
    return tf.convert_to_tensor(value).numpy()


def check_shape(shape, name="event_shape"):
    """The shape as a tuple of ints, or one clear error.

    Args:
        shape: tuple or list of positive ints, or `tf.TensorShape`.
        name: str, of the argument.

    Returns:
        tuple of ints.

    Raises:
        ValueError: where it is none, a bare int for example.

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> tensors.check_shape([28, 28, 1])
        (28, 28, 1)
    """
    if isinstance(shape, (tuple, list, tf.TensorShape)) and all(is_positive_integer(n) for n in shape):
        return tuple(int(n) for n in shape)
    raise ValueError(f"Expected {name} as a tuple of positive integers; got {shape!r}.")


def floatx(dtype=None):
    """A dtype as TensorFlow's; None stands for Keras' `floatx`.

    Args:
        dtype: `tf.DType`, str or None.

    Returns:
        `tf.DType`.

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> tensors.floatx("float64").name, tensors.floatx().name
        ('float64', 'float32')
    """
    return tf.as_dtype(keras.config.floatx() if dtype is None else dtype)


def is_positive_integer(value):
    """Whether a value is an int of Python's or NumPy's, and at least 1.

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> [tensors.is_positive_integer(value) for value in (1, np.int64(2), 0, True, 2.0)]
        [True, True, False, False, False]
    """
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value > 0)


def require_event_shape(x, shape, name):
    """Refuses events of another shape, as far as the shape is known while tracing; costs nothing in a graph.

    Args:
        x: tensor (..., *event).
        shape: tuple of ints or None, the event's.
        name: str, of what wants it.

    Raises:
        ValueError: where the shapes cannot agree.

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> tensors.require_event_shape(tf.ones([3, 2]), (4,), "this bijector")
        Traceback (most recent call last):
        ValueError: Expected events of shape (4,) in this bijector; got a tensor of shape (3, 2).
    """
    if x.shape.rank is not None and not x.shape[max(0, x.shape.rank - len(shape)) :].is_compatible_with(shape):
        raise ValueError(f"Expected events of shape {tuple(shape)} in {name}; got a tensor of shape {x.shape}.")


def split_event_shape(shape, ndims):
    """The shape of an event of any rank from `ndims`, taken apart: the leading axes, and the last `ndims`.

    Args:
        shape: `tf.TensorShape`, or what makes one.
        ndims: int.

    Returns:
        leading: `tf.TensorShape`, unknown where the rank is.
        last: `tf.TensorShape` of ndims axes; None where the event has less.

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> tensors.split_event_shape([5, 8, 8, None], 3)
        (TensorShape([5]), TensorShape([8, 8, None]))
    """
    shape = tf.TensorShape(shape)
    if shape.rank is None:
        return shape, tf.TensorShape([None] * ndims)
    split = shape.rank - ndims
    return (shape[:split], shape[split:]) if split >= 0 else (shape, None)


def with_event_shape(x, shape):
    """x itself where its event shape is known; otherwise with it, checked when the graph runs.

    Args:
        x: tensor (..., *event), of known rank.
        shape: tuple of ints, the event's.

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> tensors.with_event_shape(tf.ones([3, 2]), (2,)).shape.as_list()
        [3, 2]
    """
    if x.shape[-len(shape) :].is_fully_defined():
        return x
    return tf.ensure_shape(x, [*x.shape[: -len(shape)], *shape])


def _gather_last(x, indices, inverse):
    @tf.custom_gradient
    def run(x):
        # The gradient is this function again, so that it can itself be differentiated.
        return tf.gather(x, indices, axis=-1), lambda dy: _gather_last(dy, inverse, indices)

    return run(x)


def as_tuple(values):
    """A sequence as a tuple, and anything else as the only element of one.

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> tensors.as_tuple([64, 64]), tensors.as_tuple(64)
        ((64, 64), (64,))
    """
    return tuple(values) if isinstance(values, Iterable) else (values,)


def once_only(gradient, what):
    """A gradient that refuses to be differentiated, since it is computed from what has been cut off from the value.

    Args:
        gradient: tensor, or None, which is given back.
        what: str, what it is the gradient of, for the sentence.

    Raises:
        ValueError: where a second derivative is asked for.

    Example:
        >>> from tfp_flows.numerics import tensors
        >>> tensors.once_only(tf.constant(2.0), "a loop").numpy().item()
        2.0
    """

    @tf.custom_gradient
    def run(gradient):
        def refuse(*_):
            raise ValueError(f"Expected first derivatives of {what}; got a second one.")

        return tf.identity(gradient), refuse

    return None if gradient is None else run(gradient)
