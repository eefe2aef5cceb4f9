"""The learning rate is a function of the step and the number of steps, which compiled steps see change."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.optimizers import FusedAdam, WarmupCosine


def test_it_rises_and_falls():
    rate = WarmupCosine(0.02, 1100, warmup_steps=100, final=0.05)
    at = {0: 0.0, 50: 0.01, 100: 0.02, 600: 0.02 * (0.05 + 0.95 / 2), 1100: 0.001, 5000: 0.001}
    np.testing.assert_allclose([float(rate(step)) for step in at], list(at.values()), rtol=1e-6)
    # Keras' own, where there is no warm-up.
    ours, theirs = WarmupCosine(0.3, 77), keras.optimizers.schedules.CosineDecay(0.3, 77, alpha=0.01)
    for step in range(80):
        np.testing.assert_allclose(ours(step), theirs(step), rtol=1e-5)


def test_a_short_training_warms_up_for_a_tenth_of_it():
    rate = WarmupCosine(1.0, 40, warmup_steps=1000)
    np.testing.assert_allclose([float(rate(step)) for step in (2, 4, 40)], [0.5, 1.0, 0.01], rtol=1e-6)


def test_compiled_steps_follow_a_new_end():
    weight = keras.Variable(0.0)
    schedule = WarmupCosine(1.0, 1000)
    optimizer = FusedAdam(schedule)
    optimizer.build([weight])
    step = tf.function(lambda: optimizer.apply([tf.constant(1.0)], [weight]))
    before = []
    for num_steps in (1000, 3, 3, 3):
        schedule.num_steps = num_steps
        last = float(weight)
        step()
        before.append(last - float(weight))
    # Of a constant gradient Adam's step is the rate itself.
    np.testing.assert_allclose(before, [1.0, 0.01 + 0.99 * 0.75, 0.01 + 0.99 * 0.25, 0.01], rtol=1e-4)


def test_it_is_saved_with_its_optimizer():
    schedule = WarmupCosine(0.1, 200, 20, 0.3)
    schedule.num_steps = 300
    again = FusedAdam.from_config(FusedAdam(schedule, relative_clipnorm=2.0).get_config())
    rate = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert again.relative_clipnorm == 2.0
    for step in (5, 100, 250):
        assert float(rate(step)) == float(schedule(step))


@pytest.mark.parametrize("number", [0, -3])
def test_no_steps_are_refused(number):
    with pytest.raises(ValueError, match=f"Expected num_steps to be a positive integer; got {number}"):
        WarmupCosine(0.1, number)
    with pytest.raises(ValueError, match="Expected num_steps"):
        WarmupCosine(0.1, 10).num_steps = number
