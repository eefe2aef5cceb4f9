"""Every named model learns, is saved, served, and comes back: generic checks over the table of cases."""

import functools
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tests import c_api
from tests.checks import eagerly
from tests.models.cases import CASES, build, events, trained
from tests.spared import rewrite_graphs
from tfp_flows import serving
from tfp_flows.catalog import MODELS
from tfp_flows.training import StopOnNaN
from tfp_flows.training.stop_on_nan import find_culprit

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
    # The traced function is the written one.
    with eagerly():
        np.testing.assert_allclose(loss, -tf.reduce_mean(model.log_prob(x, context)), rtol=1e-5)
    weights = model.trainable_variables
    assert weights
    for weight, gradient in zip(weights, tape.gradient(loss, [w.value for w in weights])):
        assert gradient is not None, weight.path
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0, weight.path


# Operations of Python, of text, and those that an accelerator leaves to the processor: a step would wait for them.
AT_HOST = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "Print", "PrintV2", "StringFormat", "AsString", "Assert"}


@each
def test_a_training_step_never_leaves_the_device(name):
    step_of = trained(name)[0].train_function
    (step,) = [f for f in inspect.getclosurevars(step_of).nonlocals.values() if hasattr(f, "get_concrete_function")]
    graphs = [function.graph.as_graph_def() for function in step._list_all_concrete_functions()]
    bodies = [nodes for g in graphs for nodes in (g.node, *(function.node_def for function in g.library.function))]
    found = {node.op for nodes in bodies for node in nodes}
    assert "ResourceApplyAdam" in found or "AssignSubVariableOp" in found, "no step was found"
    assert not found & AT_HOST


@each
def test_files_bring_it_back_to_the_bit(name, tmp_path):
    model, (x, context) = trained(name)[0], events(name, 16, seed=1)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again) is type(model) and int(again.optimizer.iterations) == int(model.optimizer.iterations) > 0
    fresh = build(name)
    with eagerly():
        expected = model.log_prob(x, context).numpy()
        assert np.isfinite(expected).all() and np.ptp(expected) > 0.1
        np.testing.assert_array_equal(again.log_prob(x, context), expected)
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
    # TensorFlow keeps something of every name: the next model brings no new one.
    assert [w.value.name for w in again.weights] == [w.value.name for w in model.weights]
    given = {key: config[key] for key in CASES[name].arguments}
    assert given == CASES[name].arguments


@each
def test_latents_and_back(name):
    model, (x, context) = trained(name)[0], events(name, 8, seed=2)
    wanted = x + 0.5 if CASES[name].num_bins else x
    with eagerly():
        np.testing.assert_allclose(model.decode(model.encode(x, context), context), wanted, atol=2e-2)


@functools.cache
def requests(name):
    """signature -> inputs of a server, and the model's own answers."""
    model, (x, context) = trained(name)[0], events(name, 5, seed=3)
    x = x.astype("float32") + (0.5 if CASES[name].num_bins else 0)
    given = {} if context is None else {"context": context.astype("int32" if context.ndim == 1 else "float32")}
    drawn = {"n": np.int32(5), "seed": np.array([1, 2], np.int32), **given}
    if model.can_scale_temperature:
        drawn["temperature"] = np.float32(1)
    # As for users: it is the rewriting that chooses how Student's t is drawn.
    rewrite_graphs("tests.serving")
    with eagerly():
        answers = {
            "log_prob": model.log_prob(x, context),
            "encode": model.encode(x, context),
            "sample": model.sample(5, seed=[1, 2], context=context),
        }
    rewrite_graphs(__name__)
    asked = {"log_prob": {"x": x, **given}, "encode": {"x": x, **given}, "sample": drawn}
    return asked, {signature: answer.numpy() for signature, answer in answers.items()}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """name -> the version's folder, written once."""
    folder = tmp_path_factory.mktemp("served")
    return functools.cache(lambda name: serving.export(trained(name)[0], folder / name, warmup=False))


def assert_close(got, wanted, name, signature="log_prob"):
    assert got.shape == wanted.shape, name
    if signature == "sample":
        return np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=2e-2, err_msg=name)
    # A solver's steps are refused or not by the last bits: what is left of that is below its tolerance.
    tolerance = max(1e-5, CASES[name].exact / 10)
    assert np.abs(got - wanted).max() <= tolerance * max(1, np.abs(wanted).max()), name


@each
def test_it_is_served_as_it_is(name, exported):
    served, (asked, answers) = serving.load(exported(name)), requests(name)
    for signature in ("log_prob", "encode"):
        assert_close(getattr(served, signature)(**asked[signature]), answers[signature], name)
    rewrite_graphs("tests.serving")
    drawn = served.sample(5, seed=[1, 2], context=asked["log_prob"].get("context"))
    assert_close(np.asarray(drawn), answers["sample"], name, "sample")


def test_all_are_served_without_python(exported):
    """By TensorFlow's C API, which is what the server calls; all in one process, whose start takes seconds."""
    found = c_api.run_many([(exported(name), list(requests(name)[0].items())) for name in CASES])
    for name, outputs in zip(CASES, found, strict=True):
        for answer, (signature, wanted) in zip(outputs, requests(name)[1].items(), strict=True):
            assert_close(*answer.values(), wanted, name, signature)


@each
def test_in_float64_it_is_the_same_and_exact(name, tmp_path):
    """With the weights of the trained one: the same densities, the way back to float64's precision, and a file."""
    small, model, (x, context) = trained(name)[0], build(name, dtype="float64"), events(name, 8, seed=4)
    assert {w.dtype for w in model.weights if w.dtype.startswith("float")} == {"float64"}
    for weight, value in zip(model.weights, small.weights, strict=True):
        weight.assign(tf.cast(value.value, weight.dtype))
    with eagerly():
        log_prob = model.log_prob(x, context)
        assert log_prob.dtype == tf.float64
        assert_close(small.log_prob(x, context).numpy(), log_prob.numpy(), name)
        # Float32 data hold less than the model does.
        exact = x + 0.5 if CASES[name].num_bins else x.astype("float64")
        back = model.decode(model.encode(x, context), context)
        np.testing.assert_allclose(back, exact, rtol=CASES[name].exact, atol=CASES[name].exact)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model.log_prob(x, context))
        gradients = tape.gradient(loss, [w.value for w in model.trainable_variables])
        assert all(np.isfinite(tf.convert_to_tensor(g)).all() for g in gradients)
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(again.log_prob(x, context), log_prob)


@pytest.mark.parametrize("name", ["nice", "realnvp_image", "glow_by_class", "maf", "wavenet"])
def test_it_is_trained_drawn_and_served_in_float64(name, tmp_path):
    model, (x, context) = build(name, dtype="float64"), events(name, 64)
    losses = model.fit(x, context, batch_size=32, epochs=4, verbose=0, callbacks=[StopOnNaN(x[:8], first(context))])
    assert losses.history["nll"][-1] < losses.history["nll"][0]
    with eagerly():
        assert model.sample(3, context=first(context, 3)).dtype == tf.float64
    served = serving.load(serving.export(model, tmp_path, warmup=False))
    real = x[:4] + (0.5 if CASES[name].num_bins else 0)
    context = None if context is None else context[:4].astype("int32")
    got = served.log_prob(real, context=context)
    assert got.dtype == np.float64
    with eagerly():
        np.testing.assert_allclose(got, model.log_prob(x[:4], context), rtol=1e-12)


def test_the_noise_of_a_model_is_of_its_dtype():
    case = CASES["glow"]
    arguments = {
        **case.arguments,
        "dequantization": "variational",
        "alpha": 1e-3,
        "edges": (0, 1, 17),
        "equalize": True,
    }
    model = tfp_flows.Glow(case.event_shape, dtype="float64", **arguments)
    assert {w.dtype for w in model.weights if w.dtype.startswith("float")} == {"float64"}
    model.compile(keras.optimizers.Adam(1e-2))
    x = events("glow", 64)[0]
    nll = model.fit(x, batch_size=32, epochs=3, verbose=0).history["nll"]
    assert nll[-1] < nll[0] and "is finite on the events" in find_culprit(model, x[:8])


def first(context, n=8):
    return None if context is None else context[:n]


def test_the_dtype_is_keras_floatx_or_named():
    keras.config.set_floatx("float64")
    try:
        assert tfp_flows.RealNVP((2,), num_layers=1, hidden_units=4).variable_dtype == "float64"
    finally:
        keras.config.set_floatx("float32")
    for wrong in ("float16", "int32", "double precision"):
        with pytest.raises(ValueError, match=rf"Expected dtype to be one of \['float32', 'float64'\]; got '{wrong}'"):
            tfp_flows.RealNVP((2,), dtype=wrong)
