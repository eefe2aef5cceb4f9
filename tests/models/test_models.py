"""Every named model learns, is saved, served, and comes back: generic checks over the table of cases."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import c_api
from tests.models.cases import CASES, build, events, trained
from tfp_flows import serving
from tfp_flows.catalog import MODELS

each = pytest.mark.parametrize("name", CASES)


def test_every_model_of_the_catalogue_has_a_case():
    assert {case.model for case in CASES.values()} == set(MODELS)


@each
def test_fit_lowers_the_loss(name):
    _, before, after = trained(name)
    assert after < before - 0.3


@each
def test_every_weight_gets_a_finite_gradient(name):
    model, (x, context) = trained(name)[0], events(name, 16)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(model.log_prob(x, context))
    weights = model.trainable_variables
    assert weights
    for weight, gradient in zip(weights, tape.gradient(loss, [w.value for w in weights])):
        assert gradient is not None, weight.path
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0, weight.path


@each
def test_files_bring_it_back_to_the_bit(name, tmp_path):
    model, (x, context) = trained(name)[0], events(name, 16, seed=1)
    expected = model.log_prob(x, context).numpy()
    assert np.isfinite(expected).all() and np.ptp(expected) > 0.1
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again) is type(model) and int(again.optimizer.iterations) == int(model.optimizer.iterations) > 0
    np.testing.assert_array_equal(again.log_prob(x, context), expected)
    fresh = build(name)
    assert not np.array_equal(fresh.log_prob(x, context), expected)
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(fresh.log_prob(x, context), expected)


@each
def test_its_config_makes_it_anew(name):
    model = trained(name)[0]
    config = model.get_config()
    again = type(model).from_config(config)
    assert again.get_config() == config and config["event_shape"] == CASES[name].event_shape
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    given = {key: config[key] for key in CASES[name].arguments}
    assert given == CASES[name].arguments


@each
def test_latents_and_back(name):
    model, (x, context) = trained(name)[0], events(name, 8, seed=2)
    wanted = x + 0.5 if CASES[name].num_bins else x
    np.testing.assert_allclose(model.decode(model.encode(x, context), context), wanted, atol=2e-2)


def requests(name):
    """signature -> inputs of a server, and the model's own answers."""
    model, (x, context) = trained(name)[0], events(name, 5, seed=3)
    x = x.astype("float32") + (0.5 if CASES[name].num_bins else 0)
    given = {} if context is None else {"context": context.astype("int32" if context.ndim == 1 else "float32")}
    answers = {"log_prob": model.log_prob(x, context).numpy(), "encode": model.encode(x, context).numpy()}
    return {"log_prob": {"x": x, **given}, "encode": {"x": x, **given}}, answers


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """name -> the version's folder, written once."""
    folder = tmp_path_factory.mktemp("served")
    return functools.cache(lambda name: serving.export(trained(name)[0], folder / name, warmup=False))


def assert_close(got, wanted, name):
    assert got.shape == wanted.shape, name
    assert np.abs(got - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max()), name


@each
def test_it_is_served_as_it_is(name, exported):
    served, (asked, answers) = serving.load(exported(name)), requests(name)
    for signature, inputs in asked.items():
        assert_close(getattr(served, signature)(**inputs), answers[signature], name)
    context = asked["log_prob"].get("context")
    drawn = served.sample(5, seed=[1, 2], context=context)
    np.testing.assert_allclose(drawn, trained(name)[0].sample(5, seed=[1, 2], context=context), rtol=1e-3, atol=2e-2)


def test_all_are_served_without_python(exported):
    """By TensorFlow's C API, which is what the server calls; all in one process, whose start takes seconds."""
    found = c_api.run_many([(exported(name), list(requests(name)[0].items())) for name in CASES])
    for name, outputs in zip(CASES, found, strict=True):
        for answer, wanted in zip(outputs, requests(name)[1].values(), strict=True):
            assert_close(*answer.values(), wanted, name)
