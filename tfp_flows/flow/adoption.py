"""Finds every weight of a TFP distribution, and of noise with weights of its own, and shows it to Keras.

`tf.Module` walks them; Keras layers are taken as layers, a bare `tf.Variable` is adopted: a
`keras.Variable` around the same storage, with the same constraint (TFP's masked networks mask by constraint, and
a density trained without it is none).
"""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.initialization import untrained
from tfp_flows.bijectors.routing import context_shapes
from tfp_flows.bridge.layers import flatten_layers
from tfp_flows.bridge.modules import paths
from tfp_flows.bridge.variables import tf_variable
from tfp_flows.data import precision
from tfp_flows.flow.context import options

# Variables that hold statistics of the data, and whether these were taken: version 0.1.0 had none of them.
_LATER = ("centre", "log_unit", "measured")


def check_distribution(distribution):
    """Refuses what is no distribution of one static event shape and no batch shape.

    Raises:
        ValueError: naming what came.
    """
    if not isinstance(distribution, tfp.distributions.Distribution):
        raise ValueError(f"Expected a tfd.Distribution; got {type(distribution).__name__}.")
    if not isinstance(distribution.event_shape, tf.TensorShape) or not distribution.event_shape.is_fully_defined():
        raise ValueError(f"Expected a distribution of one static event shape; got {distribution.event_shape}.")
    if distribution.batch_shape != tf.TensorShape([]):
        raise ValueError(f"Expected a distribution with batch shape (); got {distribution.batch_shape}.")
    if any(isinstance(part, tfp.bijectors.BatchNormalization) for part in distribution.submodules):
        raise ValueError(
            "Expected tfp_flows.bijectors.BatchNorm, whose statistics training alone changes; got "
            "tfb.BatchNormalization, which changes them wherever it scores and hides its weights."
        )


def adopt_weights(distribution):
    """Finds every weight, building what is not built and looking into Python closures where there are any.

    Args:
        distribution: `tfd.Distribution`.

    Returns:
        layers: list of `keras.Layer`, adopted: list of `keras.Variable`, as `find_weights`.

    Raises:
        ValueError: where a layer stays unbuilt though log_prob was called.
    """
    shape, dtype = distribution.event_shape, distribution.dtype

    def probe():
        context = known_context_shape(distribution, find_weights(distribution)[0])
        given = {} if context is None else options(distribution, tf.zeros([1, *context], dtype))
        return distribution.log_prob(tf.zeros([1, *shape], dtype), **given)

    return _adopt_all(distribution, probe)


def known_context_shape(distribution, layers):
    """Static shape of one context, a tuple, which the layers of a distribution know; None where none does or they do
    not agree."""
    shapes = context_shapes(distribution, layers)
    return shapes.pop() if len(shapes) == 1 else None


def adopt_dequantization(dequantization, event_shape, dtype):
    """The weights of the noise, as `adopt_weights`; none of one that has none.

    Args:
        dequantization: None, or as `Flow` takes it; one with weights is a `tf.Module`.
        event_shape: tuple of ints, of the flow.
        dtype: str, of the flow.

    Raises:
        ValueError: where it is for events of another shape, has more levels than the dtype can hold, or a layer stays
            unbuilt though it was called.
    """
    if getattr(dequantization, "num_bins", None) is not None:
        precision.check_levels(dequantization.num_bins, dtype)
    own = getattr(dequantization, "event_shape", event_shape)
    if tuple(own) != tuple(event_shape):
        raise ValueError(f"Expected dequantization of events of shape {tuple(event_shape)}; got one of {tuple(own)}.")
    if not isinstance(dequantization, tf.Module):
        return [], []
    return _adopt_all(dequantization, lambda: dequantization(tf.zeros([1, *event_shape], tf.int32), seed=[0, 0]))


def find_weights(module):
    """The Keras layers and the bare variables of a distribution, each once, in a stable order.

    Args:
        module: `tf.Module`, usually a `tfd.Distribution`.

    Returns:
        layers: list of `keras.Layer`, adopted: list of `keras.Variable` around the variables that no layer holds.
    """
    found = paths(module, (keras.Layer, keras.Variable, tf.Variable))
    layers = [part for _, part in found if isinstance(part, keras.Layer)]
    held = {id(tf_variable(weight)) for layer in layers for weight in layer.weights}
    adopted = []
    for path, part in found:
        if isinstance(part, keras.Layer) or id(variable := tf_variable(part)) in held:
            continue
        held.add(id(variable))
        adopted.append(part if isinstance(part, keras.Variable) else _adopt(part, path))
    return layers, adopted


def adopt_hidden(watched, layers, adopted):
    """Adopts variables that a gradient tape saw and no walk found: those inside a Python closure.

    Args:
        watched: list of `tf.Variable`.
        layers, adopted: as `find_weights` returned them.

    Returns:
        list of `keras.Variable`.
    """
    held = {id(tf_variable(w)) for layer in layers for w in layer.weights} | {id(tf_variable(w)) for w in adopted}
    return [_adopt(v, (f"hidden_{i}", v.name)) for i, v in enumerate(watched) if id(v) not in held]


def with_later_variables(variables, store):
    """What a file of version 0.1.0 holds, and the statistics of data that bijectors did not have then, at rest.

    Args:
        variables: list of `keras.Variable` as `find_weights` names them.
        store: mapping from "0", "1", ... to arrays.

    Returns:
        mapping as of a file of today; the store itself where it is one, or of other variables altogether.
    """
    # In the order of a file.
    variables = [v for v in variables if v.trainable] + [v for v in variables if not v.trainable]
    later = [v for v in variables if v.name.rpartition(".")[2] in _LATER]
    if not later or len(store.keys()) != len(variables) - len(later):
        return store
    values = iter(store[str(i)] for i in range(len(store.keys())))
    late = {id(v) for v in later}
    # A flag says that the statistics, 0 and 1, are to stay.
    return {
        str(i): np.full(v.shape, v.dtype == "bool") if id(v) in late else next(values) for i, v in enumerate(variables)
    }


def unbuilt_layers(layers):
    """The layers, and layers within layers, that have no weights yet."""
    return [part for layer in layers for part in flatten_layers(layer) if not part.built]


def hides_variables(module):
    """Whether some part holds a Python closure, in which variables may be that no walk can find."""
    parts = (module, *module.submodules)
    values = (value for part in parts for value in vars(part).values())
    return any(getattr(value, "__closure__", None) for value in values if callable(value))


def _adopt_all(module, probe):
    layers, adopted = find_weights(module)
    if hides_variables(module) or unbuilt_layers(layers):
        # One eager pass builds what is not built, and shows the tape what is inside closures.
        with tf.GradientTape() as tape, untrained():
            probe()
        layers, adopted = find_weights(module)
        adopted += adopt_hidden(tape.watched_variables(), layers, adopted)
    missing = unbuilt_layers(layers)
    if missing:
        raise ValueError(f"Expected every Keras layer to be built by log_prob; got {missing[0].name!r} unbuilt.")
    return layers, adopted


def _adopt(variable, path):
    name = ".".join(str(part) for part in path).replace("/", "_").replace(":", "_")
    weight = keras.Variable(
        variable,
        dtype=keras.backend.standardize_dtype(variable.dtype),
        trainable=variable.trainable,
        name=name,
        # Keras would otherwise hand the variable to bijectors in its compute dtype.
        autocast=False,
    )
    constraint = getattr(variable, "constraint", None)
    if constraint is not None:
        weight.constraint = constraint
    return weight
