"""The state that Keras' optimizers keep for each variable, and what they count as a step."""

from collections.abc import Callable, Hashable
from typing import Any

import keras

from tfp_flows.bridge.overrides import Overrides


class WholeSteps(Overrides):
    """Mix-in for a `keras.Optimizer` to which gradients may come in parts: from replicas, and from several batches.

    `clipped` is given the gradients of the whole step. Keras clips those of each replica, before it sums them. With
    `gradient_accumulation_steps` the learning rate's schedule and the moving averages go by steps that were applied;
    Keras' go by batches.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.optimizers import WholeSteps
        >>> class Halved(WholeSteps, keras.optimizers.SGD):
        ...     def clipped(self, gradients):
        ...         return [gradient / 2 for gradient in gradients]
        >>> weight = keras.Variable(1.0)
        >>> Halved(1.0).apply([tf.constant(0.5)], [weight])
        >>> float(weight)
        0.75
    """

    overrides = (
        "_all_reduce_sum_gradients",
        "_backend_update_step",
        "_get_current_learning_rate",
        "_update_model_variables_moving_average",
    )
    # What variables have in common, while a step is taken; None between steps.
    _common = None

    def clipped(self, gradients):
        """Gradients of a whole step, tensors, as they are to be applied."""
        return gradients

    def once_a_step(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` gives, for all variables of a step that ask with the same key; a key names the device too."""
        if self._common is None:
            return make()
        if key not in self._common:
            self._common[key] = make()
        return self._common[key]

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        # Of several replicas each comes here, and then one of them takes the step of all. Past `__setattr__`, which
        # would keep what is set for a checkpoint.
        vars(self)["_common"] = {}
        try:
            super()._backend_update_step(grads, trainable_variables, learning_rate)
        finally:
            vars(self).pop("_common", None)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        pairs = super()._all_reduce_sum_gradients(grads_and_vars)
        return list(zip(self.clipped([gradient for gradient, _ in pairs]), [variable for _, variable in pairs]))

    def _get_current_learning_rate(self):
        if isinstance(self._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            return self._learning_rate(self.iterations)
        return super()._get_current_learning_rate()

    def _update_model_variables_moving_average(self, trainable_variables):
        number = self.gradient_accumulation_steps
        update = super()._update_model_variables_moving_average
        if not number:
            update(trainable_variables)
        else:
            is_applied = (self._iterations + 1) % number == 0
            keras.ops.cond(is_applied, lambda: update(trainable_variables), lambda: None)


def batches_taken(optimizer):
    """How many gradients an optimizer was given, a variable: with `gradient_accumulation_steps` more than its steps.

    Args:
        optimizer: `keras.optimizers.Optimizer`.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.optimizers import batches_taken
        >>> adam, weight = keras.optimizers.Adam(gradient_accumulation_steps=4), keras.Variable(1.0)
        >>> adam.apply([keras.ops.ones([])], [weight])
        >>> int(batches_taken(adam)), int(adam.iterations)
        (1, 0)
    """
    # Of one that scales the loss, the one within.
    return getattr(optimizer, "inner_optimizer", optimizer)._iterations


def accumulated_batches(optimizer):
    """int, of how many batches an optimizer puts the gradients together before a step; 1 for each its own.

    Args:
        optimizer: `keras.optimizers.Optimizer`, or a name, which says nothing of it.
    """
    return getattr(getattr(optimizer, "inner_optimizer", optimizer), "gradient_accumulation_steps", None) or 1


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


def second_moments(optimizer):
    """The running means of squared gradients that Adam keeps, of all its variables.

    Args:
        optimizer: `keras.optimizers.Adam`, built.

    Returns:
        list of `keras.Variable`.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.optimizers import second_moments
        >>> adam = keras.optimizers.Adam()
        >>> adam.build([keras.Variable(1.0), keras.Variable([2.0, 3.0])])
        >>> [tuple(slot.shape) for slot in second_moments(adam)]
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
