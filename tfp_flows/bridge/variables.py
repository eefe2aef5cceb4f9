"""The `tf.Variable` of a `keras.Variable`, and whether TensorFlow takes it to be trained.

Keras' public `value` is that variable too, but a tensor cast to another precision inside of an autocast scope.
"""

import keras


def tf_variable(weight):
    """The `tf.Variable` that holds a weight.

    Args:
        weight: `keras.Variable`, or a `tf.Variable`, which is given back.

    Returns:
        `tf.Variable`, or None for a `keras.Variable` that has none yet.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.variables import tf_variable
        >>> isinstance(tf_variable(keras.Variable(1.0)), tf.Variable)
        True
    """
    return weight._value if isinstance(weight, keras.Variable) else weight


def share_trainable(weight):
    """Tells the `tf.Variable` of a weight whether the weight is trainable, as TFP and `tf.GradientTape` ask it.

    Keras keeps that on its own wrapper.

    Args:
        weight: `keras.Variable` that holds a variable.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.variables import share_trainable, tf_variable
        >>> weight = keras.Variable(1.0)
        >>> weight.trainable = False
        >>> share_trainable(weight)
        >>> tf_variable(weight).trainable
        False
    """
    weight._value._trainable = weight.trainable
