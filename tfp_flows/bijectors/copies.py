"""What a bijector was constructed with, and others that are made of it: copies, slices, deep copies and pickles.

copy(), copy.copy, bijector[...], distribution[0]   share their weights with the original
copy.deepcopy, pickle                               have weights of their own, of equal value
"""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import types
from collections.abc import Iterator

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bridge import pickling
from tfp_flows.bridge.modules import held, paths
from tfp_flows.bridge.slices import Sliced
from tfp_flows.bridge.variables import tf_variable
from tfp_flows.transforms import Transform

tfb = tfp.bijectors

# TFP's classes that stand beside ours.
pickling.register()

_KINDS = (keras.Layer, keras.Variable, tf.Variable)


class Copies(Sliced):
    """A mixin for bijectors: arguments recorded as TFP does, for whatever `__init__` a subclass has."""

    def __new__(cls, *args, **kwargs):
        bijector = super().__new__(cls)
        # Past tf.Module, which would list what is given twice, and in another order than before.
        object.__setattr__(bijector, "_given", _Given(cls, args, kwargs))
        return bijector

    @property
    def parameters(self) -> dict:
        """dict, the arguments that it was constructed with, as they were given, defaults included."""
        given = self._given.arguments
        # An iterator has given what it had.
        return {key: getattr(self, key) if isinstance(value, Iterator) else value for key, value in given.items()}

    def copy(self, **override_parameters_kwargs):
        """A bijector of the same class from the same arguments, with the same weights.

        All weights are shared with the copy: those of what the arguments hold, as in TFP, and those that the
        constructor makes itself (ActNorm's shift and scale, for example). Where another argument than the name is
        overridden, these last are shared as long as they would begin alike, and are as new where the argument says how
        they begin (a seed, a shape). In another dtype they have the same values. For weights of its own:
        `copy.deepcopy`.

        Args:
            **override_parameters_kwargs: arguments of the constructor to replace.

        Returns:
            bijector of the same class.

        Raises:
            TypeError: for an argument that the constructor does not take.
        """
        given = override_parameters_kwargs
        copied = type(self)(**{**self.parameters, **given})
        if set(given) - {"name", "dtype"} and _own_parts(self):
            like = type(self)(**{**self.parameters, **{key: given[key] for key in given if key == "dtype"}})
            if _values(copied) != _values(like):
                return copied
        copied._take_over(self)
        return copied

    def _take_over(self, origin) -> None:
        """Shares the weights that the constructor of an equal one made, or takes their values in another dtype."""
        mine = _own_parts(self)
        for path, part in _own_parts(origin).items():
            if path not in mine or mine[path] is part:
                continue
            pairs = list(zip(_variables(mine[path]), _variables(part)))
            is_same = all(to.shape == of.shape and to.dtype == of.dtype for to, of in pairs)
            if is_same and _put(self, path, part):
                continue
            for to, of in pairs:
                if to.shape == of.shape:
                    to.assign(tf.cast(of, to.dtype))

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        copied = pickling.empty(type(self))
        memo[id(self)] = copied
        for layer in held(self, keras.Layer, recursive=False):
            _copy_layer(self, layer, memo)
        for key, value in vars(self).items():
            object.__setattr__(copied, key, copy.deepcopy(value, memo))
        return copied

    def __reduce_ex__(self, protocol):
        for part in held(self, (keras.Layer, Transform, types.FunctionType, functools.partial), recursive=False):
            _require_picklable(self, part)
        return pickling.empty, (type(self),), vars(self).copy()


class _Given:
    """The arguments of a constructor by name, hidden from tf.Module."""

    def __init__(self, cls, args, kwargs):
        signature = inspect.signature(cls.__init__)
        # Those that do not fit are refused by the constructor.
        bound = signature.bind_partial(None, *args, **kwargs)
        bound.apply_defaults()
        _, *names = signature.parameters
        self.arguments = {}
        for name in names:
            if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                self.arguments.update(bound.arguments[name])
            elif name in bound.arguments:
                self.arguments[name] = bound.arguments[name]


# By what Keras and pickle say that they cannot; the first line says what.
_ERRORS = (TypeError, ValueError, AttributeError, NotImplementedError, pickle.PicklingError)


_LAYER = "that Keras makes again from their config, without a lambda"


def _copy_layer(bijector, layer, memo):
    """Before what holds it: `copy.deepcopy` finds the copy in its memo."""
    pickling.register_layer(layer)
    try:
        pickling.require_config(layer)
        copy.deepcopy(layer, memo)
    except _ERRORS as error:
        raise _refusal(bijector, layer, _LAYER, error) from error


def _require_picklable(bijector, part):
    """Refuses what pickle, or Keras when it makes it again, would fail on in many words, or elsewhere."""
    try:
        if isinstance(part, keras.Layer):
            pickling.register_layer(part)
            pickling.require_config(part)
        else:
            pickle.dumps(part)
    except _ERRORS as error:
        what = _LAYER if isinstance(part, keras.Layer) else "that can be pickled, no lambda"
        raise _refusal(bijector, part, what, error) from error


def _refusal(bijector, part, what, error):
    line = str(error).partition("\n")[0].partition(". ")[0]
    return TypeError(f"Expected parts of {bijector.name!r} {what}; got {part!r}: {line}.")


def _own_parts(bijector):
    """What the constructor made itself, by its path: layers and variables, all but those of its arguments."""
    holder = tf.Module()
    holder.given = list(bijector.parameters.values())
    given = {id(v) for _, part in paths(holder, _KINDS) for v in _variables(part)}
    found = {path: part for path, part in paths(bijector, _KINDS) if not {"_keras_weights", "_cut_from"} & {*path}}
    return {path: part for path, part in found.items() if not given.intersection(map(id, _variables(part)))}


def _values(bijector):
    parts = _own_parts(bijector)
    return {path: [(v.dtype, v.numpy().tobytes()) for v in _variables(part)] for path, part in parts.items()}


def _put(bijector, path, part):
    """Sets what stands at a path, and says whether that is possible: within an operator of linear algebra it is not."""
    *way, last = path
    holder = bijector
    for key in way:
        holder = getattr(holder, key) if isinstance(holder, tf.Module) else holder[key]
    if isinstance(holder, tf.Module):
        setattr(holder, last, part)
    elif isinstance(holder, (list, dict)):
        holder[last] = part
    else:
        return False
    return True


def _variables(part):
    return [tf_variable(v) for v in (part.variables if isinstance(part, keras.Layer) else [part])]
