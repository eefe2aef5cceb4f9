"""Names in a traced graph that say nothing of what the process has built before.

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
