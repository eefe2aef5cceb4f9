"""The precision that a layer computes in, where its weights are read outside of its `call` too."""

import tensorflow as tf


def cast_weight(layer, weight):
    """A weight in the layer's compute dtype: Keras casts by itself in `call` only, and a solver reads weights as well.

    Args:
        layer: `keras.Layer`.
        weight: `keras.Variable`.

    Returns:
        tensor.

    Example:
        >>> from tfp_flows.networks.precision import cast_weight
        >>> dense = keras.layers.Dense(2, dtype="mixed_bfloat16")
        >>> dense.build((None, 3))
        >>> cast_weight(dense, dense.bias).dtype.name
        'bfloat16'
    """
    return tf.cast(tf.convert_to_tensor(weight), layer.compute_dtype)
