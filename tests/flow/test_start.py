"""Layers initialise from data wherever training starts, once; what has been trained is never initialised again."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows

pytestmark = pytest.mark.usefixtures("untraced")

X = np.random.default_rng(0).normal(30.0, 7.0, (200, 2)).astype("float32")
ENTROPY = 2 * (0.5 * np.log(2 * np.pi * np.e) + np.log(7.0))


def made():
    keras.utils.set_random_seed(0)
    flow = tfp_flows.MAF((2,), num_layers=2, hidden_units=8)
    flow.compile(keras.optimizers.Adam(1e-2))
    return flow


def by_batches(flow):
    for _ in range(60):
        flow.train_on_batch(X[:100])


def by_tape(flow):
    optimizer = keras.optimizers.Adam(1e-2)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow(tf.constant(X[:100]), training=True))
        optimizer.apply_gradients(zip(tape.gradient(loss, flow.trainable_weights), flow.trainable_weights))


def by_traced_tape(flow):
    optimizer = keras.optimizers.Adam(1e-2)
    flow.initialize(X[:100])

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow(x, training=True))
        optimizer.apply_gradients(zip(tape.gradient(loss, flow.trainable_weights), flow.trainable_weights))

    for _ in range(60):
        step(tf.constant(X[:100]))


@pytest.mark.parametrize("train", [by_batches, by_tape, by_traced_tape])
def test_it_starts_from_the_data_and_is_not_begun_again(train):
    flow = made()
    train(flow)
    before = flow.evaluate(X, verbose=0, return_dict=True)["nll"]
    assert flow.is_initialized and before < ENTROPY + 0.1
    flow.compile(keras.optimizers.Adam(1e-9))
    flow.fit(X, verbose=0)
    assert flow.evaluate(X, verbose=0, return_dict=True)["nll"] == pytest.approx(before, abs=1e-4)


def test_a_graph_says_so_and_what_it_trains_stays():
    """Inside another model, or through the distribution: there is nothing to initialise from."""
    flow = made()
    x = (X - 30) / 7
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda v: -v)(flow(inputs)))
    model.compile(keras.optimizers.Adam(1e-2), loss=lambda _, nll: nll)
    with pytest.warns(UserWarning, match=r"were to be initialised from data and are not: call flow.initialize\(x\)"):
        model.fit(x, np.zeros(200), epochs=5, verbose=0)
    before = flow.evaluate(x, verbose=0, return_dict=True)["nll"]
    flow.compile(keras.optimizers.Adam(1e-9))
    flow.fit(x, verbose=0)
    assert flow.evaluate(x, verbose=0, return_dict=True)["nll"] == pytest.approx(before, abs=1e-4)


def test_what_was_updated_through_the_distribution_stays():
    flow = made()
    x = tf.constant((X - 30) / 7)
    optimizer = keras.optimizers.Adam(1e-2)
    for _ in range(5):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow.distribution.log_prob(tf.identity(x)))
        optimizer.apply_gradients(zip(tape.gradient(loss, flow.trainable_weights), flow.trainable_weights))
    before = flow.evaluate(x, verbose=0, return_dict=True)["nll"]
    flow.compile(keras.optimizers.Adam(1e-9))
    flow.fit(x, verbose=0)
    assert flow.is_initialized
    assert flow.evaluate(x, verbose=0, return_dict=True)["nll"] == pytest.approx(before, abs=1e-4)
