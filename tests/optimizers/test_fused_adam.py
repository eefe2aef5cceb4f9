"""FusedAdam gives the numbers of Keras' Adam, in every way that training runs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tests.distributions import coupling, data, pushed
from tfp_flows import bijectors
from tfp_flows.training import FusedAdam


def losses_and_weights(optimizer, **options):
    keras.utils.set_random_seed(0)
    # Two vectors, two matrices and their biases: to trace Keras' update of each takes most of the time.
    flow = tfp_flows.Flow(pushed(bijectors.ActNorm(2), coupling()))
    flow.compile(optimizer, **options)
    losses = flow.fit(data(), epochs=3, batch_size=64, verbose=0).history["loss"]
    return losses, [weight.numpy() for weight in flow.trainable_variables]


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}, {"jit_compile": True}, {"steps_per_execution": 4}])
def test_same_numbers_as_keras_adam(options):
    arguments = dict(learning_rate=1e-2, beta_1=0.85, beta_2=0.97, epsilon=1e-3, clipnorm=1.0, weight_decay=1e-3)
    losses, weights = losses_and_weights(keras.optimizers.Adam(**arguments), **options)
    fused_losses, fused_weights = losses_and_weights(FusedAdam(**arguments), **options)
    np.testing.assert_allclose(fused_losses, losses, rtol=1e-5)
    for a, b in zip(weights, fused_weights):
        np.testing.assert_allclose(a, b, atol=2e-5)
    if not options:
        other, _ = losses_and_weights(FusedAdam(**{**arguments, "epsilon": 1e-1}))
        assert np.abs(np.subtract(other, losses)).max() > 1e-3


def test_schedules_ema_and_accumulation():
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, 24)
    # Keras' schedule goes by batches: of accumulated steps see tests/flow/test_accumulation.py.
    for rate, options in (
        (schedule, dict(use_ema=True, ema_overwrite_frequency=4)),
        (1e-2, dict(gradient_accumulation_steps=2)),
    ):
        losses, _ = losses_and_weights(keras.optimizers.Adam(rate, **options))
        fused, _ = losses_and_weights(FusedAdam(rate, **options))
        np.testing.assert_allclose(fused, losses, rtol=1e-5)


def test_sparse_gradients_and_amsgrad_take_keras_way():
    for kind in (keras.optimizers.Adam, FusedAdam):
        variable = keras.Variable(np.ones([4, 2], "float32"))
        optimizer = kind(0.1, amsgrad=kind is FusedAdam)
        optimizer.build([variable])
        optimizer.apply([tf.IndexedSlices(tf.ones([1, 2]), tf.constant([2]), tf.constant([4, 2]))], [variable])
        np.testing.assert_allclose(variable.numpy()[[0, 1, 3]], 1.0)
        np.testing.assert_allclose(variable.numpy()[2], 0.9, rtol=1e-4)


def test_is_saved_with_its_slots(tmp_path):
    flow = tfp_flows.RealNVP(event_shape=(2,), num_layers=2, hidden_units=(8,))
    flow.compile(FusedAdam(1e-2))
    flow.fit(data(), verbose=0)
    flow.save(tmp_path / "flow.keras")
    again = keras.models.load_model(tmp_path / "flow.keras")
    assert type(again.optimizer) is FusedAdam
    for a, b in zip(flow.optimizer.variables, again.optimizer.variables):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert flow.fit(data(), verbose=0).history == again.fit(data(), verbose=0).history
