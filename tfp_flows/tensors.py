"""Tensor operations that TensorFlow has not, or only in a slow form. They know nothing of the package."""

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
    """
    permutation = np.asarray(permutation)
    n = permutation.size
    if np.array_equal(permutation, np.arange(n)):
        return x
    if np.array_equal(permutation, np.arange(n)[::-1]):
        return tf.reverse(x, [-1])
    return _gather_last(x, permutation, np.argsort(permutation))


def require_event_shape(x, shape, name):
    """Refuses events of another shape, as far as the shape is known while tracing; costs nothing in a graph.

    Args:
        x: tensor (..., *event).
        shape: tuple of ints or None, the event's.
        name: str, of what wants it.

    Raises:
        ValueError: where the shapes cannot agree.
    """
    if x.shape.rank is not None and not x.shape[-len(shape) :].is_compatible_with(shape):
        raise ValueError(f"Expected events of shape {tuple(shape)} in {name}; got a tensor of shape {x.shape}.")


def _gather_last(x, indices, inverse):
    @tf.custom_gradient
    def run(x):
        # The gradient is this function again, so that it can itself be differentiated.
        return tf.gather(x, indices, axis=-1), lambda dy: _gather_last(dy, inverse, indices)

    return run(x)
