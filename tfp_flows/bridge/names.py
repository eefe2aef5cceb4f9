"""Names that say nothing of what the process has built before: of operations in a traced graph, and of variables.

Keras numbers its layers over the whole process, and their names become those of the graph's operations. TensorFlow's
graph optimizer sorts the terms of a sum by their names: `net_9` comes after `net_10`, and `net_7` before `net_8`. So
the second of two equal models adds in another order, and ends in weights that differ in their last bits.
"""

import contextlib
import re

import tensorflow as tf

# FuncGraph takes attributes, though it has no __dict__ that vars() sees.
_SLOT = "_tfp_flows_names"
_NUMBER = re.compile(r"(?<=[^/_])(_\d+)+$")
# Within the name of a slot, too: of `fused_adam_2/mlp_7_hidden_0_kernel_momentum` only the words are left.
_COUNT = re.compile(r"(?<=[^/_])(_\d+)+(?=[/_]|$)")
# A constant of eager code that a trace meets is named by a number that counts all tensors of the process.
_TENSOR = re.compile(r"^\d+$")


@contextlib.contextmanager
def counted_by_their_graph():
    """Around what is traced: operations and scopes are numbered as this graph meets them; nothing in eager code."""
    graph = tf.compat.v1.get_default_graph()
    if not isinstance(graph, tf.__internal__.FuncGraph) or hasattr(graph, _SLOT):
        yield
        return
    unique_name = graph.unique_name
    graph.unique_name = lambda name, mark_as_used=True: unique_name(_unnumbered(name), mark_as_used)
    setattr(graph, _SLOT, True)
    try:
        yield
    finally:
        del graph.unique_name
        delattr(graph, _SLOT)


def _unnumbered(name):
    return "captured" if _TENSOR.match(name) else _NUMBER.sub("", name)


@contextlib.contextmanager
def counted_by_nothing():
    """Around what makes variables: their names in TensorFlow lose the numbers that Keras gives layers and optimizers.

    For every name that a variable was ever made under, TensorFlow keeps a kernel as long as the process lives, some 40
    KiB, and takes a millisecond for it: a search over models grows without bound, and so does a flow that is compiled
    again and again. Keras' own names and paths of the variables stay as they are.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.names import counted_by_nothing
        >>> dense = keras.layers.Dense(2, name="dense_12")
        >>> with counted_by_nothing():
        ...     dense.build((None, 3))
        >>> dense.kernel.value.name, dense.kernel.path
        ('dense/kernel:0', 'dense_12/kernel')
    """
    with tf.variable_creator_scope(_made_unnumbered):
        yield


def _made_unnumbered(next_creator, **options):
    scope = _COUNT.sub("", tf.get_current_name_scope())
    if options.get("name"):
        options["name"] = _COUNT.sub("", options["name"])
    # Absolute with the stroke, and as it is without a name.
    with tf.name_scope(f"{scope}/" if scope else ""):
        return next_creator(**options)
