"""The state that Keras' optimizers keep for each variable."""


def adam_slots(optimizer, variable):
    """The running moments that Adam keeps for a variable.

    Args:
        optimizer: `keras.optimizers.Adam`, built.
        variable: `keras.Variable`, one of those that it was built for.

    Returns:
        (mean of the gradients, mean of their squares), each a `keras.Variable`.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.optimizers import adam_slots
        >>> adam, weight = keras.optimizers.Adam(), keras.Variable(1.0)
        >>> adam.build([weight])
        >>> [float(slot) for slot in adam_slots(adam, weight)]
        [0.0, 0.0]
    """
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index], optimizer._velocities[index]


def adam_velocities(optimizer):
    """The running means of squared gradients that Adam keeps, of all its variables.

    Args:
        optimizer: `keras.optimizers.Adam`, built.

    Returns:
        list of `keras.Variable`.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.optimizers import adam_velocities
        >>> adam = keras.optimizers.Adam()
        >>> adam.build([keras.Variable(1.0), keras.Variable([2.0, 3.0])])
        >>> [tuple(slot.shape) for slot in adam_velocities(adam)]
        [(), (2,)]
    """
    return list(optimizer._velocities)


def moving_averages(optimizer):
    """The weights that an optimizer trains, each with its moving average.

    Args:
        optimizer: `keras.optimizers.Optimizer`, or None.

    Returns:
        list of pairs of `keras.Variable`; empty where it keeps none.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.optimizers import moving_averages
        >>> adam = keras.optimizers.Adam(use_ema=True)
        >>> adam.build([keras.Variable([1.0])])
        >>> [(weight.numpy().tolist(), average.numpy().tolist()) for weight, average in moving_averages(adam)]
        [([1.0], [0.0])]
    """
    # Of one that scales the loss, the one within.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not getattr(optimizer, "use_ema", False) or not optimizer.built:
        return []
    pairs = zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True)
    return [(weight, average) for weight, average in pairs if average is not None]
