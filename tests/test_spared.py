"""What the tests are spared changes no number: seeds begin random numbers anew, eagerly and in functions."""

import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.spared import REWRITTEN, rewrite_graphs


def draw():
    return tf.random.normal([3]), tf.random.normal([3], seed=4), tf.random.stateless_normal([3], [1, 2])


def test_numbers_begin_anew_where_the_seed_is_set():
    """With a seed of their own or none, and by a function that was traced before."""
    traced = tf.function(draw)
    for function in (draw, traced):
        found = []
        for seed in (0, 0, 1):
            keras.utils.set_random_seed(seed)
            found.append(np.concatenate([*function(), *function()]))
        np.testing.assert_array_equal(found[0], found[1])
        first, second = np.split(found[0], 2)
        assert (first[:6] != second[:6]).all()
        # A function keeps the seed that was set when it was traced.
        assert (found[0][:6] != found[2][:6]).all() == (function is draw)


def test_what_has_drawn_nothing_stays_compiled(monkeypatch, forget_kernels):
    """And what draws in a function is begun anew though it asks for no seed when it is called again."""
    forget_kernels()
    keras.utils.set_random_seed(0)
    state = tf.random.set_seed.__self__
    calls, set_seed = [], state._set_seed
    monkeypatch.setattr(state, "_set_seed", lambda seed: calls.append(seed) or set_seed(seed))
    keras.utils.set_random_seed(0)
    assert calls == []
    tf.random.normal([2])
    keras.utils.set_random_seed(0)
    keras.utils.set_random_seed(0)
    assert calls == [0]
    keras.utils.set_random_seed(1)
    assert calls == [0, 1]
    tf.function(draw).get_concrete_function()
    for _ in range(2):
        keras.utils.set_random_seed(1)
    assert calls == [0, 1, 1, 1]


@pytest.mark.parametrize(
    "module, rewritten",
    [
        ("tests.serving.test_serving", True),
        ("tests.serving_other", False),
        ("tests.test_spared.test_graphs_of_this_one_are_rewritten", True),
        ("tests.test_spared", False),
    ],
)
def test_graphs_are_rewritten_where_that_is_looked_at(module, rewritten):
    try:
        rewrite_graphs(module)
        assert is_rewriting() == rewritten
    finally:
        rewrite_graphs(__name__)


@pytest.mark.parametrize("name", REWRITTEN)
def test_what_is_named_is_there(name):
    """A folder, a file or a test."""
    pkgutil.resolve_name(name)


def is_rewriting():
    return not tf.config.optimizer.get_experimental_options()["disable_meta_optimizer"]


def test_graphs_of_this_one_are_rewritten():
    """It is named, alone of its file."""
    assert is_rewriting()


def test_graphs_of_the_next_one_are_not():
    assert not is_rewriting()


def test_a_variable_keeps_its_name():
    """In a graph also that of its operation, which a file has."""
    assert tf.Variable([1.0], name="mine").name == "mine:0"
    with tf.Graph().as_default():
        made = tf.compat.v1.get_variable("made", [2], use_resource=True)
    assert made.handle.op.get_attr("debug_name") == b"made/"
