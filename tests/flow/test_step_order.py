"""In the graph that TensorFlow really runs, every weight is read before it is updated.

The graph optimizer was seen to drop such an edge: a weight read a second time, for the log_det alone, then came
from the next step whenever the machine was busy. A timing cannot be tested, the optimized graph can.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow.python.eager import context

import tfp_flows
from tests.distributions import data, made, pushed
from tfp_flows import bijectors

tfb = tfp.bijectors


def optimized_nodes(function, *args):
    """{name: NodeDef} of the graphs that a call of a tf.function runs."""
    context.enable_run_metadata()
    try:
        function(*args)
        metadata = context.export_run_metadata()
    finally:
        context.disable_run_metadata()
    return [{node.name: node for node in g.node} for f in metadata.function_graphs for g in f.partition_graphs]


def inputs(node):
    return [name.lstrip("^").split(":")[0] for name in node.input]


def ancestors(nodes, node):
    seen, waiting = set(), inputs(node)
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in seen:
            seen.add(name)
            waiting += inputs(nodes[name])
    return seen


def unordered(nodes):
    """(read, update) of one variable where neither waits for the other; and how many pairs there are."""
    reads, updates = {}, {}
    for node in nodes.values():
        if node.op == "ReadVariableOp":
            reads.setdefault(inputs(node)[0], []).append(node)
        elif node.op.startswith("Assign"):
            updates.setdefault(inputs(node)[0], []).append(node)
    pairs = [(read, update) for variable in reads for read in reads[variable] for update in updates.get(variable, ())]
    up = {node.name: ancestors(nodes, node) for pair in pairs for node in pair}
    free = [(r.name, u.name) for r, u in pairs if r.name not in up[u.name] and u.name not in up[r.name]]
    return free, len(pairs)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("name", ["maf", "ours"])
def test_every_read_comes_before_the_update(name, optimizer):
    if name == "maf":
        flow = tfp_flows.Flow(pushed(tfb.MaskedAutoregressiveFlow(made()), bijectors.ActNorm(2)))
    else:
        flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
    flow.compile(keras.optimizers.get(optimizer))
    flow.fit(data(), verbose=0)
    graphs = optimized_nodes(flow.train_function, iter(tf.data.Dataset.from_tensors(data(32)).repeat()))
    found = [unordered(nodes) for nodes in graphs]
    assert sum(pairs for _, pairs in found) > len(flow.trainable_weights)
    assert [free for free, _ in found] == [[] for _ in found]
    assert np.isfinite(flow.evaluate(data(), verbose=0, return_dict=True)["nll"])
