"""What a named model computes in: one floating dtype for its bijectors, its base and its log-dets."""

import keras
import tensorflow as tf

NAMES = ("float32", "float64")


def choose_dtype(dtype=None):
    """The dtype of a model by its name.

    Args:
        dtype: "float32", "float64", or None for Keras' `floatx`.

    Returns:
        str.

    Raises:
        ValueError: for any other; networks alone may be lower, by Keras' global dtype policy.

    Example:
        >>> from tfp_flows.models.blocks import precision
        >>> precision.choose_dtype(), precision.choose_dtype(tf.float64)
        ('float32', 'float64')
    """
    dtype = keras.config.floatx() if dtype is None else dtype
    try:
        name = tf.as_dtype(dtype).name
    except TypeError:
        name = None
    if name not in NAMES:
        raise ValueError(
            f"Expected dtype to be one of {list(NAMES)}; got {dtype!r}. For networks in low precision set Keras' dtype "
            "policy while the model is built."
        )
    return name


def of_networks(dtype):
    """What the networks of a model of this dtype are built with: None, for Keras' policy, where its weights have it.

    Args:
        dtype: str, of the model.

    Example:
        >>> from tfp_flows.models.blocks import precision
        >>> precision.of_networks("float32"), precision.of_networks("float64")
        (None, 'float64')
    """
    return None if keras.config.dtype_policy().variable_dtype == dtype else dtype
