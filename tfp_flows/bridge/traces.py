"""What a trace leaves behind in tables of the process is given to its graph, and goes when the graph goes.

    TensorFlow   registers the gradient of every `tf.custom_gradient` that is met in a graph, for ever and under a name
                 of its own; it holds the tensors of that graph, which hold the weights
    TFP          remembers, in one table for all of its bijectors, which tensor came out of which

Both keep each traced function, and so each model that was ever trained, alive for the life of the process.
"""

import contextlib
import itertools
import weakref
from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow.python.framework import ops, registry

from tfp_flows.bridge.names import counted_by_their_graph

_PREFIX = "CustomGradient-"
# FuncGraph has neither a public slot for user data nor a __dict__ that vars() sees, but takes attributes.
_SLOT = "_tfp_flows_gradients"


def traced(function: Callable, **options) -> Callable:
    """function as a `tf.function`, of these options; what its traces leave behind goes with them.

    Without AutoGraph, as Keras trains: what branches on a tensor in plain Python fails in all alike. Beside its time,
    for super() it looks through the variables of every caller, and a frame that was looked at keeps them alive.
    """
    # Held by the function that comes of it.
    return tf.function(owned_by_its_graph([])(function), autograph=False, **options)


@contextlib.contextmanager
def owned_by_its_graph(kept: list | None = None):
    """Around what is traced; in eager code, and within itself, it does nothing.

    A gradient that is registered inside lives as long as the outermost function that is being traced: for so long its
    name can be looked up. TFP's bijectors forget the tensors of that function. Its operations are named alike for alike
    models.

    Args:
        kept: list that holds the gradients too, for a function that is called again when the one is gone within which
            it was first traced, an export's for one.
    """
    with counted_by_their_graph(), _owned(kept):
        yield


@contextlib.contextmanager
def _owned(kept):
    graph = _outermost(tf.compat.v1.get_default_graph())
    is_within = graph is not None and hasattr(graph, _SLOT)
    if graph is None or (is_within and kept is None):
        yield
        return
    # An inner graph that held gradients would hold itself, and attributes of graphs are not seen by Python's collector.
    holders = [] if kept is None else [kept]
    if not is_within:
        setattr(graph, _SLOT, [])
        holders.append(getattr(graph, _SLOT))
    before = next(_registered(), -1)
    try:
        yield
    finally:
        # Names count upwards, and the table is in the order of its entries.
        for count in list(itertools.takewhile(lambda count: count > before, _registered())):
            _give(holders, _PREFIX + str(count))
        if not is_within:
            _forget(graph)


class _Held:
    """A gradient function that others keep alive."""

    def __init__(self, function):
        self.function = weakref.ref(function)

    def __call__(self, op, *gradients):
        return self.function()(op, *gradients)


def _registered():
    """The numbers of the custom gradients that are registered, the last one first."""
    names = (name for name in reversed(list(ops.gradient_registry._registry)) if name.startswith(_PREFIX))
    return (int(name[len(_PREFIX) :]) for name in names if name[len(_PREFIX) :].isdigit())


def _give(holders, name):
    """The gradient of a name to lists, beside those that have it already; it goes with the last of them."""
    table = ops.gradient_registry._registry
    entry = table.get(name)
    # Another thread, of another replica, may have seen it go.
    function = None if entry is None else entry[registry._TYPE_TAG]
    if isinstance(function, _Held):
        function = function.function()
    elif function is not None:
        table[name] = {**entry, registry._TYPE_TAG: _Held(function)}
        weakref.finalize(function, table.pop, name, None).atexit = False
    for holder in holders if function is not None else ():
        holder.append(function)


def _forget(graph):
    for storage in {id(storage): storage for storage in _storages(tfp.bijectors.Bijector)}.values():
        for key in list(storage):
            tensors = [t for t in tf.nest.flatten(key()) if isinstance(t, tf.__internal__.SymbolicTensor)]
            if any(_outermost(tensor.graph) is graph for tensor in tensors):
                # Else it would look for itself in the table when its tensor goes.
                key.cancel()
                storage.pop(key, None)


def _storages(kind):
    if "_cache" in vars(kind):
        yield vars(kind)["_cache"].storage
    for subclass in kind.__subclasses__():
        yield from _storages(subclass)


def _outermost(graph):
    """The outermost function's graph around a graph, or None outside of functions."""
    found = None
    while isinstance(graph, tf.__internal__.FuncGraph):
        found, graph = graph, graph.outer_graph
    return found
