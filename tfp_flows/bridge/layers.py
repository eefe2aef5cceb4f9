"""What a Keras layer holds and does: the layers within it, random numbers, losses and state of its own."""

import inspect


def flatten_layers(layer):
    """The layer and all layers within it, each once.

    Args:
        layer: `keras.Layer`.

    Returns:
        list of `keras.Layer`.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.layers import flatten_layers
        >>> [part.name for part in flatten_layers(keras.Sequential([keras.layers.Dense(2, name="dense")], name="net"))]
        ['net', 'dense']
    """
    return list(layer._flatten_layers())


def draws_random_numbers(layer):
    """Whether the layer itself, as dropout and noise do, draws random numbers when it is trained.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.layers import draws_random_numbers
        >>> draws_random_numbers(keras.layers.Dropout(0.1)), draws_random_numbers(keras.layers.Dense(2))
        (True, False)
    """
    return bool(layer._seed_generators)


def adds_losses(layer):
    """Whether the layer itself adds losses to the model's, or has added some when it was last called.

    Regularizers of weights are no such losses, and Keras' public `losses` holds them too.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.layers import adds_losses
        >>> layers = [keras.layers.Dense(2, **{f"{what}_regularizer": "l2"}) for what in ("activity", "kernel")]
        >>> [adds_losses(layer) for layer in layers]
        [True, False]
    """
    return layer.activity_regularizer is not None or bool(layer._losses)


def changes_state(layer):
    """Whether the layer itself, as batch normalisation does, changes variables of its own when it is trained.

    Weights that are held fixed are no state: a layer changes its state where it is told that it is trained.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.layers import changes_state
        >>> norm = keras.layers.BatchNormalization()
        >>> norm.build((None, 2))
        >>> changes_state(norm)
        True
    """
    has_state = layer.trainable and layer._non_trainable_variables
    return bool(has_state) and "training" in inspect.signature(layer.call).parameters


def pass_arguments_as_they_are(layer):
    """Has a layer hand what it is called with by keyword to `call` as it is: arrays as arrays, in their own dtype.

    Args:
        layer: `keras.Layer`.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.layers import pass_arguments_as_they_are
        >>> class Named(keras.layers.Layer):
        ...     def call(self, value=None):
        ...         return type(value).__name__
        >>> layer = Named()
        >>> pass_arguments_as_they_are(layer)
        >>> layer(value=np.ones(2))
        'ndarray'
    """
    layer._convert_input_args = False
