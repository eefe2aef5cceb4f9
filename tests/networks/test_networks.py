"""The conditioner: configuration, context, dropout in training only, precision."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.networks import MLP


def shaken(**options):
    network = MLP(3, (8, 8), output_initializer="glorot_uniform", **options)
    context = {} if network.context_shape is None else {"context": tf.zeros([1, *network.context_shape])}
    network(tf.zeros([1, 4]), **context)
    return network


X = tf.random.stateless_normal([5, 4], [0, 1])


def test_the_last_layer_is_zero_at_the_start():
    assert not np.any(MLP(3, (8,))(X)) and np.any(shaken()(X))


def test_config_round_trip():
    network = shaken(activation="silu", dropout=0.1, context_shape=(2,), dtype="float64", name="net", trainable=False)
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(network))))
    assert again.get_config() == network.get_config()
    arguments = set(inspect.signature(MLP).parameters) - {"kwargs"}
    assert arguments | {"name", "trainable"} == set(network.get_config())
    assert (again.dropout, again.activation.__name__, again.dtype, again.trainable) == (0.1, "silu", "float64", False)
    again(tf.zeros([1, 4]), context=tf.zeros([1, 2]))
    again.set_weights(network.get_weights())
    context = tf.ones([5, 2])
    np.testing.assert_array_equal(again(X, context=context), network(X, context=context))


def test_numpys_integers_are_widths_and_json_still():
    network = MLP(np.int64(3), (np.int32(8),), context_shape=(np.int64(2),))
    assert json.loads(json.dumps(network.get_config()))["num_outputs"] == 3
    assert network(X, context=tf.ones([5, 2])).shape == (5, 3)


def test_a_keras_model_of_it_is_saved_whole(tmp_path):
    inputs, context = keras.Input((4,)), keras.Input((2,))
    model = keras.Model([inputs, context], shaken(context_shape=(2,))(inputs, context=context))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again([X, tf.ones([5, 2])]), model([X, tf.ones([5, 2])]))


@pytest.mark.parametrize("hidden_units, num_weights", [((), 2), ((8,), 4), ((8, 8, 8), 8)])
def test_any_number_of_hidden_layers(hidden_units, num_weights):
    network = MLP(3, hidden_units, context_shape=(2,), output_initializer="glorot_uniform")
    assert network(X, context=tf.ones([5, 2])).shape == network.compute_output_shape(X.shape) == (5, 3)
    assert len(network.trainable_weights) == num_weights + 1


def test_unknown_batch_sizes():
    network = shaken(context_shape=(2,))
    specs = [tf.TensorSpec([None, 4]), tf.TensorSpec([None, 2])]
    traced = tf.function(lambda x, c: network(x, context=c), input_signature=specs)
    np.testing.assert_allclose(traced(X, tf.ones([5, 2])), network(X, context=tf.ones([5, 2])), atol=1e-6)


def test_context_is_used_and_required():
    network = shaken(context_shape=(2,))
    assert np.abs(network(X, context=tf.zeros([5, 2])) - network(X, context=tf.ones([5, 2]))).max() > 1e-3
    with pytest.raises(ValueError, match=r"Expected a context of shape \(batch, 2\); got none"):
        network(X)
    with pytest.raises(ValueError, match="Expected no context; got one"):
        shaken()(X, context=tf.zeros([5, 2]))


def test_dropout_in_training_only():
    network = shaken(dropout=0.5)
    np.testing.assert_array_equal(network(X), network(X, training=False))
    assert np.abs(network(X, training=True) - network(X)).max() > 1e-3


@pytest.mark.parametrize("policy, compute, variable", [
    ("float64", "float64", "float64"),
    ("mixed_bfloat16", "bfloat16", "float32"),
    ("mixed_float16", "float16", "float32"),
])  # fmt: skip
def test_precision_reaches_every_layer(policy, compute, variable):
    network = shaken(dtype=policy)
    assert network(X).dtype.name == compute
    assert {w.dtype for w in network.weights} == {variable}
    assert all(layer.compute_dtype == compute for layer in network._flatten_layers())


@pytest.mark.parametrize("make, message", [
    (lambda: MLP(0), "Expected positive integer widths; got 0"),
    (lambda: MLP(2, (8, -1)), "Expected positive integer widths"),
    (lambda: MLP(2.0, (8,)), "Expected positive integer widths; got 2.0"),
    (lambda: MLP(2, context_shape=3), "Expected context_shape as a tuple of positive integers; got 3"),
    (lambda: MLP(2, context_shape=(2, 2)), r"Expected context_shape \(n,\); got \(2, 2\)"),
    (lambda: MLP(2, dropout=1.0), r"Expected dropout in \[0, 1\); got 1.0"),
])  # fmt: skip
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
