"""What may be fed to a flow: shapes, dtypes and values, each refused in one sentence."""

import numpy as np
import tensorflow as tf


def check_events(x, event_shape, num_bins, what="x"):
    """Checks an array or an eager tensor of events; symbolic tensors are checked by shape and dtype only.

    Args:
        x: array or tensor (batch, *event).
        event_shape: tuple of ints.
        num_bins: int, the levels of integer data, or None where integers are refused.
        what: str, how the error names x.

    Returns:
        x as an array or tensor of a numeric dtype.

    Raises:
        ValueError: naming what was expected and what came.
    """
    if not tf.is_tensor(x):
        x = np.asarray(x)
    dtype = x.dtype if tf.is_tensor(x) else _numeric_dtype(x, what)
    check_spec(x.shape, dtype, event_shape, num_bins, what)
    if tf.is_tensor(x) and not hasattr(x, "numpy"):
        return x
    values = np.asarray(x)
    if values.shape[0] == 0:
        raise ValueError(f"Expected {what} to hold at least one event; got shape {values.shape}.")
    if np.issubdtype(values.dtype, np.integer):
        low, high = values.min(), values.max()
        if low < 0 or high >= num_bins:
            raise ValueError(f"Expected integers in 0..{num_bins - 1} in {what}; got {low}..{high}.")
    elif not np.isfinite(values).all():
        raise ValueError(f"Expected finite numbers in {what}; got {int((~np.isfinite(values)).sum())} NaN or infinite.")
    return x


def check_spec(shape, dtype, event_shape, num_bins, what="x"):
    """Checks the static shape (batch, *event) and dtype of events, as `check_events` does."""
    shape, dtype = tf.TensorShape(shape), tf.as_dtype(dtype)
    expected = tf.TensorShape([None, *event_shape])
    if not shape.is_compatible_with(expected):
        raise ValueError(f"Expected {what} of shape {_show(expected)}; got {_show(shape)}.")
    if dtype.is_bool or not (dtype.is_integer or dtype.is_floating):
        raise ValueError(f"Expected numbers in {what}; got {dtype.name}.")
    if dtype.is_integer and num_bins is None:
        raise ValueError(
            f"Expected floating-point events in {what}, for this flow has no dequantization and a continuous density "
            f"means nothing on integers; got {dtype.name}. Give the flow dequantization=Uniform(num_bins)."
        )


def check_integers(dtype, num_bins, what="x"):
    """Refuses floats where the flow is to add dequantization noise: added twice, the bits would be wrong.

    Raises:
        ValueError: where the dtype is not an integer's.
    """
    dtype = tf.as_dtype(dtype)
    if not dtype.is_integer:
        raise ValueError(
            f"Expected integers 0..{num_bins - 1} in {what}, for this flow adds dequantization noise; got {dtype.name}."
        )


def check_training_events(flow, x, what="x"):
    """Checks events as `fit` and the scores take them: integers, with no noise added yet, where the flow dequantizes.

    Args:
        flow: `tfp_flows.Flow`.
        x, what: as `check_events`.

    Returns:
        x as an array or tensor.

    Raises:
        ValueError: naming what was expected and what came.
    """
    x = check_events(x, flow.event_shape, flow.num_bins, what)
    if flow.num_bins is not None:
        check_integers(x.dtype, flow.num_bins, what)
    return x


def check_count(n):
    """A positive number of samples, or one clear error."""
    if tf.is_tensor(n) and not hasattr(n, "numpy"):
        return n
    value = np.asarray(n)
    if value.shape != () or not np.issubdtype(value.dtype, np.integer) or value < 1:
        raise ValueError(f"Expected n to be a positive integer; got {n!r}.")
    return int(value)


def sample_shape(n):
    """The sample shape, a tuple of positive ints, that a sequence of ints or a tensor of one axis is; None of others.

    Raises:
        ValueError: for a sequence of anything else.
    """
    if isinstance(n, tf.TensorShape):
        n = n.as_list() if n.is_fully_defined() else [None]
    if tf.is_tensor(n) and not hasattr(n, "numpy"):
        return tuple(tf.unstack(tf.cast(n, tf.int32))) if n.shape.rank == 1 else None
    sizes = np.asarray(n)
    if sizes.ndim == 0:
        return None
    if sizes.ndim > 1 or (sizes.size and (not np.issubdtype(sizes.dtype, np.integer) or (sizes < 1).any())):
        raise ValueError(f"Expected a sample shape of positive integers; got {n!r}.")
    return tuple(sizes.tolist())


def check_temperature(temperature):
    """A finite temperature of at least 0, or one clear error."""
    if tf.is_tensor(temperature) and not hasattr(temperature, "numpy"):
        return temperature
    try:
        value = float(temperature)
    except (TypeError, ValueError):
        value = float("nan")
    if not 0 <= value < float("inf"):
        raise ValueError(f"Expected temperature to be a finite number of at least 0; got {temperature!r}.")
    return value


def stateless_seed(seed):
    """A seed as TFP's stateless ops want it.

    Args:
        seed: int, pair of ints, int32 tensor [2], or None for one drawn from TensorFlow's global generator (which
            `keras.utils.set_random_seed` sets).

    Returns:
        int32 tensor [2].

    Raises:
        ValueError: where it is none of these.
    """
    if seed is None:
        return tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32)
    if tf.is_tensor(seed) and not hasattr(seed, "numpy"):
        return tf.cast(seed, tf.int32)
    value = np.asarray(seed)
    if value.shape not in ((), (2,)) or not np.issubdtype(value.dtype, np.integer):
        raise ValueError(f"Expected seed to be an integer, a pair of integers or None; got {seed!r}.")
    if np.any(value < -(2**31)) or np.any(value >= 2**31):
        raise ValueError(f"Expected seed to fit 32 bits; got {seed!r}.")
    return tf.constant([0, int(value)] if value.shape == () else value, tf.int32)


def _numeric_dtype(x, what):
    if x.dtype.kind not in "iufb":
        raise ValueError(f"Expected numbers in {what}; got {x.dtype.name}.")
    return x.dtype


def _show(shape):
    if shape.rank is None:
        return "(unknown)"
    return "(" + ", ".join("batch" if i == 0 and n is None else str(n) for i, n in enumerate(shape)) + ")"
