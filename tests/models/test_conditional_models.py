"""NICE and RealNVP given a vector or a class: they learn from it, and come back from a file as they were."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tests.checks import passes
from tfp_flows import model_options
from tfp_flows.runs import asked

RANDOM = np.random.default_rng(0)
VECTORS, IMAGES = dict(num_layers=2, hidden_units=(16,)), dict(num_scales=1, num_blocks=1, hidden_channels=4)


@pytest.mark.parametrize("name, given", [
    ("NICE", dict(num_classes=3)), ("NICE", dict(context_shape=(3,))), ("RealNVP", dict(num_classes=3)),
])  # fmt: skip
def test_the_mean_is_that_of_the_context(name, given, tmp_path):
    labels = RANDOM.integers(0, 3, 400)
    means = np.array([-4.0, 0.0, 4.0])
    x = (means[labels][:, None] + RANDOM.normal(size=(400, 2))).astype("float32")
    # Vectors of a scale of their own.
    contexts = np.arange(3) if "num_classes" in given else 1e3 * np.eye(3, dtype="float32")
    flow = getattr(tfp_flows, name)((2,), **VECTORS, **given)
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    flow.fit(*passes(10, x, contexts[labels]), batch_size=50, verbose=0)
    drawn = flow.sample((200,), seed=1, context=contexts).numpy()
    assert drawn.shape == (200, 3, 2) and flow.given(contexts).batch_shape == (3,)
    np.testing.assert_allclose(drawn.mean((0, 2)), means, atol=0.6)
    flow.save(tmp_path / "flow.keras")
    again = keras.saving.load_model(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(x[:5], contexts[0]), flow.log_prob(x[:5], contexts[0]))
    assert again.num_classes == given.get("num_classes")


@pytest.mark.parametrize("given", [dict(num_classes=3), dict(context_shape=(3,))])
def test_images_depend_on_it(given, tmp_path):
    """A class is its one-hot vector, as the networks see it."""
    flow = tfp_flows.RealNVP((4, 4, 1), **IMAGES, **given)
    for k, weight in enumerate(flow.trainable_weights):
        weight.assign_add(0.3 * tf.random.stateless_normal(weight.shape, [k, 7]))
    x = RANDOM.normal(size=(3, 4, 4, 1)).astype("float32")
    contexts = np.arange(3) if "num_classes" in given else np.eye(3, dtype="float32")
    log_prob = flow.log_prob(x, contexts).numpy()
    assert np.abs(log_prob - flow.log_prob(x, contexts[::-1]))[[0, 2]].min() > 0.01
    direct = flow.distribution.log_prob(tf.constant(x), bijector_kwargs={"context": np.eye(3, dtype="float32")})
    np.testing.assert_allclose(log_prob, direct, rtol=1e-4)
    flow.save(tmp_path / "flow.keras")
    again = keras.saving.load_model(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(x, contexts), log_prob)


@pytest.mark.parametrize("make", [tfp_flows.NICE, tfp_flows.RealNVP])
@pytest.mark.parametrize("given, message", [
    (dict(num_classes=2, context_shape=(3,)), "Expected context_shape or num_classes; got both"),
    (dict(num_classes=0), "Expected num_classes to be a positive integer or None; got 0"),
    (dict(context_shape=3), "Expected context_shape as a tuple of positive integers; got 3"),
])  # fmt: skip
def test_bad_arguments_are_refused(make, given, message):
    with pytest.raises(ValueError, match=message):
        make((4,), **given)


def test_a_model_without_classes_is_refused(monkeypatch):
    monkeypatch.setattr(model_options, "of_model", lambda model: {"num_classes": None} if model == "glow" else {})
    with pytest.raises(
        ValueError, match=r"Expected a model that can be class-conditional, among \['glow'\]; got 'nice'"
    ):
        asked.check("nice", "digits", conditional=True)
