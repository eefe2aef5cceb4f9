"""`copy.copy`, `copy.deepcopy` and `pickle` for the classes of TFP and Keras that do not stand them by themselves.

    TFP     Python copies an object by making an empty one of its class and handing it the state. `tfb.Invert`,
            `tfb.Blockwise`, `tfd.TransformedDistribution`, `tfd.Sample` and others choose their class by their
            arguments and fail on none, so that nothing that holds one could be copied.
    Keras   makes a layer again from its config, where it finds the class: one that is registered, and no other. What is
            frozen within it is not said there.

Python's own table for such cases, `copyreg`, is told what to do.
"""

import copyreg
import json

import keras
import tensorflow_probability as tfp

from tfp_flows.bridge.layers import flatten_layers


def empty(cls):
    """An object of a class that no constructor has seen, to be handed a state.

    Example:
        >>> from tfp_flows.bridge.pickling import empty
        >>> type(empty(tfb.Invert)).__name__
        'Invert'
    """
    return object.__new__(cls)


def _reduce(thing):
    return empty, (type(thing),), vars(thing).copy()


def register():
    """Enters the classes into the table; those that are there keep their entry.

    Example:
        >>> import copy
        >>> from tfp_flows.bridge import pickling
        >>> pickling.register()
        >>> copy.deepcopy(tfb.Invert(tfb.Scale(2.0))).forward(3.0).numpy().item()
        1.5
    """
    for room, root in ((tfp.bijectors, tfp.bijectors.Bijector), (tfp.distributions, tfp.distributions.Distribution)):
        for name in dir(room):
            cls = getattr(room, name)
            if isinstance(cls, type) and issubclass(cls, root) and _asks_for_arguments(cls):
                copyreg.dispatch_table.setdefault(cls, _reduce)


def register_layer(layer):
    """Enters the class of a layer into the table: it is copied whatever classes are within it, and frozen as it is.

    Args:
        layer: `keras.Layer`.

    Example:
        >>> import copy, keras
        >>> from tfp_flows.bridge import pickling
        >>> class Doubling(keras.layers.Layer):
        ...     def call(self, x):
        ...         return 2.0 * x
        >>> layer = Doubling()
        >>> pickling.register_layer(layer)
        >>> copy.deepcopy(layer)(tf.constant([1.0])).numpy().tolist()
        [2.0]
    """
    copyreg.dispatch_table.setdefault(type(layer), _reduce_layer)


def require_config(layer):
    """Has Keras make a layer again from its config, without its weights: what it cannot, it says now.

    Args:
        layer: `keras.Layer`.

    Raises:
        TypeError, ValueError, NotImplementedError: in the words of Keras, or where weights are missing.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge import pickling
        >>> pickling.require_config(keras.layers.Dense(2))
    """
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    with keras.saving.custom_object_scope(_unregistered(layer)):
        again = keras.saving.deserialize_keras_object(config, safe_mode=False)
    if len(again.variables) != len(layer.variables):
        raise TypeError(f"its config builds {len(again.variables)} of its {len(layer.variables)} variables")


def _unregistered(layer):
    kinds = {type(part) for part in flatten_layers(layer)}
    kinds = {kind for kind in kinds if not kind.__module__.startswith("keras.")}
    names = {keras.saving.get_registered_name(kind): kind for kind in kinds}
    return {name: kind for name, kind in names.items() if keras.saving.get_registered_object(name) is None}


def _reduce_layer(layer):
    return _make_layer, (_unregistered(layer), _trained(layer), *layer.__reduce__())


def _make_layer(kinds, trained, make, arguments):
    with keras.saving.custom_object_scope(kinds):
        layer = make(*arguments)
    layers, variables = trained
    # From the outermost layer on, which sets those within it.
    for parts, flags in ((flatten_layers(layer), layers), (layer.variables, variables)):
        for part, flag in zip(parts, flags):
            if part.trainable != flag:
                part.trainable = flag
    return layer


def _trained(layer):
    return [[part.trainable for part in parts] for parts in (flatten_layers(layer), layer.variables)]


def _asks_for_arguments(cls):
    return any("__new__" in vars(base) for base in cls.__mro__ if base.__module__.startswith("tensorflow_probability"))
