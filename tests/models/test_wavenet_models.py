"""WaveNet and Parallel WaveNet as models: they learn, condition, and give any length with the same weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import bijectors, wav

pytestmark = pytest.mark.usefixtures("untraced")

MODELS = {"WaveNet": tfp_flows.WaveNet, "ParallelWaveNet": tfp_flows.ParallelWaveNet}
SMALL = dict(dilations=(1, 2, 4), hidden_channels=8, skip_channels=8)


def randomised(flow):
    for k, weight in enumerate(flow.trainable_weights):
        weight.assign(0.3 * tf.random.stateless_normal(weight.shape, [k, 3]))
    return flow


def process(n, length, slope=0.9, seed=0):
    """An autoregressive process of order one: entropy rate log(0.1 sqrt(2 pi e))."""
    random = np.random.default_rng(seed)
    x = np.zeros([n, length], "float32")
    x[:, 0] = random.normal(size=n) * 0.1 / np.sqrt(1 - slope**2)
    for t in range(1, length):
        x[:, t] = slope * x[:, t - 1] + 0.1 * random.normal(size=n)
    return x


RATE = np.log(0.1 * np.sqrt(2 * np.pi * np.e))


@pytest.mark.parametrize("transform", ["affine", "mixture"])
def test_wavenet_reaches_the_entropy_rate_of_a_process(transform):
    keras.utils.set_random_seed(1)
    flow = tfp_flows.WaveNet((64,), transform=transform, num_components=2 if transform == "mixture" else None, **SMALL)
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    flow.fit(process(1000, 64), epochs=8, batch_size=50, verbose=0)
    found = flow.evaluate(process(500, 64, seed=1), verbose=0, return_dict=True)["nll"]
    exact = 63 * RATE + np.log(0.1 / np.sqrt(1 - 0.9**2) * np.sqrt(2 * np.pi * np.e))
    assert exact - 2 < found < exact + 2
    x = flow.sample(500, seed=1).numpy()
    assert abs((x[:, 40:-1] * x[:, 41:]).mean() / (x[:, 40:] ** 2).mean() - 0.9) < 0.05


@pytest.mark.parametrize("name", MODELS)
def test_any_length_with_the_same_weights(name):
    """Causal: what comes later changes nothing before it, so that a longer model begins as the shorter one does."""
    short, long = (
        MODELS[name]((length,), num_layers=2, num_classes=3, sample_rate=8000, **SMALL) for length in (20, 50)
    )
    long.set_weights(randomised(short).get_weights())
    z = tf.random.stateless_normal([4, 50], [0, 1])
    labels = np.array([0, 1, 2, 1])
    x = long.decode(z, context=labels).numpy()
    np.testing.assert_allclose(short.decode(z[:, :20], context=labels), x[:, :20], rtol=1e-4, atol=1e-4)
    assert np.abs(x[1] - x[3]).max() > 0.1 and np.abs(long.decode(z, context=np.zeros(4, int))[1] - x[1]).max() > 1e-3
    np.testing.assert_allclose(long.encode(tf.constant(x), context=labels), z, rtol=1e-3, atol=1e-3)


def test_the_one_inverts_the_other():
    one, other = (randomised(make((30,), num_layers=1, transform="affine", actnorm=False, num_components=None, **SMALL))
                  for make in MODELS.values())  # fmt: skip
    v = tf.random.stateless_normal([5, 30], [0, 1])
    np.testing.assert_allclose(one.encode(v), other.decode(v), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        one.distribution.bijector.inverse_log_det_jacobian(tf.identity(v), 1),
        other.distribution.bijector.forward_log_det_jacobian(tf.identity(v), 1),
        rtol=1e-4, atol=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_integers_are_trained_on_and_the_model_comes_back(name, tmp_path):
    keras.utils.set_random_seed(1)
    audio = wav.to_levels((3000 * process(40, 24)).astype(np.int16))
    labels = np.arange(40) % 2
    flow = MODELS[name]((24,), wav.NUM_BINS, num_layers=1, num_classes=2, sample_rate=8000, **SMALL)
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    losses = flow.fit(audio, labels, epochs=4, batch_size=20, verbose=0).history["bits_per_dim"]
    assert losses[-1] < losses[0] < 16
    # One scale and shift for all of an event, from the first batch.
    norm = next(b for b in flow.distribution.bijector.bijectors if isinstance(b, bijectors.ActNorm))
    assert norm.log_scale.shape == (1,) and not norm.needs_initialization
    flow.save(tmp_path / "flow.keras")
    again = keras.saving.load_model(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(audio, labels), flow.log_prob(audio, labels))
    assert again.sample_rate == 8000


def test_a_transform_is_chosen_by_its_name_alone():
    for transform, number in (("affine", 2), ("mixture", 3 * 8 + 2)):
        flow = tfp_flows.WaveNet((8,), dilations=(1, 2), hidden_channels=4, skip_channels=4, transform=transform)
        layer = next(b for b in flow.distribution.bijector.bijectors if isinstance(b, bijectors.Autoregressive))
        assert layer.transform.num_params == number


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(context_shape=2), "Expected context_shape"),
        (dict(event_shape=(4, 4, 1)), r"Expected event_shape \(length,\), of windows of audio; got \(4, 4, 1\)"),
        (dict(num_layers=0), "Expected num_layers to be a positive integer; got 0"),
        (dict(dilations=(1, -2)), "Expected positive integers for num_params, hidden_channels"),
        (dict(sample_rate=0.5), "Expected sample_rate to be a positive integer or None; got 0.5"),
        (dict(transform="sine"), "Expected transform to be one of"),
        (dict(num_classes=2, context_shape=(3,)), "Expected context_shape or num_classes; got both"),
    ],
)
@pytest.mark.parametrize("name", MODELS)
def test_bad_arguments_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        MODELS[name](**{"event_shape": (8,), **options})
