"""Keras layers within a `tf.Module`, which does not see them: their weights shown to it, and to checkpoints."""

import keras
import tensorflow as tf

from tfp_flows.bridge.modules import held
from tfp_flows.bridge.overrides import Overrides
from tfp_flows.bridge.variables import share_trainable, tf_variable


class KerasWeights(Overrides, tf.Module):
    """Shows `tf.Module` the weights of the Keras layers that a module holds, which it does not see by itself.

    `tf.Module` walks `vars()` of nested modules, so the weights are listed there, afresh at every look.

    Args:
        module: `tf.Module` with Keras layers and `keras.Variable`s as attributes, or in lists, tuples and dicts.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.keras_weights import KerasWeights
        >>> module = tf.Module()
        >>> module.net = keras.layers.Dense(2)
        >>> module.net.build((None, 3))
        >>> before, module.weights = len(module.variables), KerasWeights(module)
        >>> before, len(module.variables)
        (0, 2)
    """

    overrides = ("_trackable_children",)

    def __init__(self, module):
        object.__setattr__(self, "module", module)

    def _trackable_children(self, save_type="checkpoint", **kwargs):
        # For tf.train.Checkpoint, to which a list of layers within a Keras layer is invisible.
        return {str(i): variable for i, variable in enumerate(self.__dict__["values"])}

    def __reduce__(self):
        # Its __dict__ is no state: a copy looks at the copy of the module.
        return type(self), (object.__getattribute__(self, "module"),)

    @property
    def __dict__(self):
        module = object.__getattribute__(self, "module")
        found = held(module, (keras.Layer, keras.Variable), recursive=False)
        weights = [w for part in found for w in ([part] if isinstance(part, keras.Variable) else part.variables)]
        weights = [w for w in weights if tf_variable(w) is not None]
        for weight in weights:
            share_trainable(weight)
        return {"layers": found, "values": [tf_variable(weight) for weight in weights]}
