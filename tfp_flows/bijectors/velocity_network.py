"""How the network of a velocity field is called, which may be one of ours or any Keras model of an event and a time."""

from __future__ import annotations

import inspect
from typing import NamedTuple

import keras
import tensorflow as tf


class Known(NamedTuple):
    """A network as `context_rows` asks it, which may be any Keras model."""

    network: keras.Layer
    takes: bool

    @property
    def context_shape(self):
        if not self.takes:
            return None
        shape = getattr(self.network, "context_shape", None)
        return tuple(self.network.inputs[2].shape[1:]) if shape is None else shape


def takes_context(network):
    """Whether a network has a context, or a Keras model a third input."""
    if getattr(network, "context_shape", None) is not None:
        return True
    return isinstance(network, keras.Model) and len(getattr(network, "inputs", None) or ()) == 3


def caller(network):
    """A function (x, t, context) -> the network's output, however it is called."""
    if "t" in inspect.signature(network.call).parameters:
        return lambda x, t, context: network(x, t) if context is None else network(x, t, context=context)
    inputs = getattr(network, "inputs", None)
    if inputs is not None and len(inputs) not in (2, 3):
        raise ValueError(f"Expected a network of an event and a time; got {network.name!r} of {len(inputs)} inputs.")
    flat = inputs is not None and len(inputs[1].shape) == 1

    def call(x, t, context):
        time = tf.cast(t if flat else t[:, None], x.dtype)
        return network([x, time] if context is None else [x, time, context])

    return call
