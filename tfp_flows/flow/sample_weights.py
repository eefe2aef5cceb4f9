"""Weights of events: one number each, at least 0, as (n,) or as a column (n, 1). Anything else is refused.

A column would be multiplied with the n losses to n x n of them.
"""

import numpy as np
import tensorflow as tf


def check(weight, n):
    """Weights as an array (n,).

    Args:
        weight: array of numbers (n,) or (n, 1).
        n: int, of events; None where that is not known.

    Raises:
        ValueError: for another shape, or weights that are no finite numbers of at least 0.
    """
    values = np.asarray(weight)
    if values.dtype.kind not in "iufb":
        raise ValueError(f"Expected numbers in sample_weight; got {values.dtype.name}.")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or (n is not None and len(values) != n):
        raise ValueError(f"Expected one sample_weight for each of {n or 'the'} events; got {np.shape(weight)}.")
    if not np.isfinite(values).all():
        wrong = int((~np.isfinite(values)).sum())
        raise ValueError(f"Expected finite numbers in sample_weight; got {wrong} NaN or infinite.")
    if values.size and values.min() < 0:
        raise ValueError(f"Expected sample_weight of at least 0; got {values.min()}.")
    return values


def check_spec(spec):
    """Refuses weights in a data set by their static shape and dtype."""
    shape, dtype = tf.TensorShape(spec.shape), tf.as_dtype(spec.dtype)
    if not (dtype.is_integer or dtype.is_floating or dtype.is_bool):
        raise ValueError(f"Expected numbers in sample_weight; got {dtype.name}.")
    if not (shape.is_compatible_with([None]) or shape.is_compatible_with([None, 1])):
        raise ValueError(f"Expected one sample_weight for each of the events; got {shape}.")


def flat(weight):
    """Weights (n,) of a tensor (n,) or (n, 1)."""
    if weight.dtype.is_bool:
        weight = tf.cast(weight, tf.float32)
    if weight.shape.rank is None:
        return tf.reshape(weight, [-1])
    return tf.squeeze(weight, 1) if weight.shape.rank == 2 else weight
