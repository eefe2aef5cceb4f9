"""A step of a batch in parts, or of several batches, is the step of all of it at once."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tests.distributions import data, ours
from tfp_flows.flow import microbatching
from tfp_flows.optimizers import FusedAdam, WarmupCosine

EVENTS = data(256)
WEIGHTS = np.random.default_rng(0).uniform(0.5, 1.5, 256).astype("float32")


def fused(**options):
    """Clips most gradients, by a rate that falls within the eight steps, and ends with averages of the weights."""
    rate = WarmupCosine(1e-2, num_steps=8, warmup_steps=2)
    return FusedAdam(rate, relative_clipnorm=0.5, use_ema=True, ema_momentum=0.5, **options)


def trained(optimizer, batch_size=64, **options):
    keras.utils.set_random_seed(0)
    flow = tfp_flows.Flow(ours())
    flow.initialize(EVENTS)
    flow.compile(optimizer, **options)
    losses = flow.fit(EVENTS, sample_weight=WEIGHTS, batch_size=batch_size, epochs=2, verbose=0).history["nll"]
    return losses, [weight.numpy() for weight in flow.trainable_weights]


@pytest.fixture(scope="module")
def whole():
    return trained(fused())


@pytest.mark.parametrize("options", [
    dict(batch_size=16, optimizer=dict(gradient_accumulation_steps=4)),
    dict(microbatches=3),  # of 22, 22 and 20 events
    dict(microbatches=4, jit_compile=True),
], ids=str)  # fmt: skip
def test_in_parts_it_is_trained_as_at_once(whole, options):
    options = dict(options)
    losses, weights = trained(fused(**options.pop("optimizer", {})), **options)
    np.testing.assert_allclose(losses, whole[0], rtol=1e-5)
    for one, other in zip(weights, whole[1], strict=True):
        np.testing.assert_allclose(one, other, atol=3e-6)


def test_keras_adam_accumulates():
    make = lambda **options: keras.optimizers.Adam(1e-2, **options)
    whole, parts = trained(make()), trained(make(gradient_accumulation_steps=4), batch_size=16)
    for one, other in zip(whole[1], parts[1], strict=True):
        np.testing.assert_allclose(one, other, atol=3e-6)


def test_each_batch_of_a_step_has_its_own_noise():
    flow = tfp_flows.RealNVP((2,), 8, num_layers=1, hidden_units=4)
    flow.compile(FusedAdam(1e-30, gradient_accumulation_steps=4))
    x = np.full((8, 2), 3)
    losses = [flow.train_on_batch(x, return_dict=True)["loss"] for _ in range(3)]
    # A mean over the batches so far: the same noise would give the same.
    assert len(set(map(float, losses))) == 3 and int(flow.optimizer.iterations) == 0


def test_the_parts_of_a_step():
    """Loss and gradients are means over events, values in their order, and each part has a seed of its own."""
    seen = []

    def step(given, seed):
        x, nothing, y = given
        assert nothing is None
        seen.append((tuple(seed.numpy()), x.shape[0]))
        return tf.reduce_mean(x), y + x, [tf.reduce_sum(x) / tf.cast(tf.shape(x)[0], tf.float32), None]

    x = tf.range(7.0)
    weights = [keras.Variable(0.0), keras.Variable([1.0])]
    loss, values, gradients = microbatching.in_parts(step, (x, None, 10 * x), [0, 1], 3, weights, "float32")
    assert float(loss) == float(gradients[0]) == pytest.approx(3.0) and gradients[1] is None
    np.testing.assert_array_equal(values, 11 * np.arange(7))
    assert [size for _, size in seen] == [3, 3, 1] and len({seed for seed, _ in seen}) == 3


@pytest.mark.parametrize("number", [0, 2.0, True, None])
def test_a_bad_number_is_refused(number):
    flow = tfp_flows.Flow(ours())
    with pytest.raises(ValueError, match=f"Expected microbatches to be a positive integer; got {number!r}"):
        flow.compile("adam", microbatches=number)


def test_a_file_knows_the_parts(tmp_path):
    flow = tfp_flows.RealNVP((2,), num_layers=1, hidden_units=4)
    flow.compile("adam", microbatches=3)
    flow.save(tmp_path / "flow.keras")
    assert keras.models.load_model(tmp_path / "flow.keras").microbatches == 3
