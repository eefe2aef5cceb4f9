"""Export and load: what a served flow answers, what it leaves out and what it refuses."""

import logging
import pathlib
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.served import COLUMNS, assert_close, exported, gaussian, served_flow
from tfp_flows import Flow, bijectors, serving
from tfp_flows.dequantization import Uniform
from tfp_flows.networks import MLP
from tfp_flows.transforms import LogisticMixture

tfd, tfb = tfp.distributions, tfp.bijectors
ROOT = pathlib.Path(__file__).resolve().parents[2]
# ---- what the SavedModel answers ------------------------------------------------------------------------------------

FRESH_PROCESS = """
import sys
import numpy as np

blocked = ("tfp_flows", "tensorflow_probability", "keras", "tf_keras")
sys.modules.update(dict.fromkeys(blocked))
import tensorflow as tf

version, requests, answers, served = sys.argv[1:]
given = dict(np.load(requests))
functions = tf.saved_model.load(version).signatures
out = {}
for name, function in functions.items():
    inputs = {key.split("/")[1]: tf.constant(value) for key, value in given.items() if key.split("/")[0] == name}
    out.update({f"{name}/{key}": value.numpy() for key, value in function(**inputs).items()})
np.savez(answers, **out)

del sys.modules["tfp_flows"]
from tfp_flows.serving.load import load

flow = load(version)
np.savez(served, **{
    "log_prob/log_prob": flow.log_prob(given["log_prob/x"]),
    "encode/z": flow.encode(given["encode/x"]),
    "decode/x": flow.decode(given["decode/z"]),
    "sample/x": flow.sample(6, seed=(5, -9), temperature=0.7),
    "log_prob_columns/log_prob": flow.log_prob_columns({
        name.split("/")[1]: given[name] for name in given if name.startswith("log_prob_columns/")
    }),
})
assert not any(sys.modules.get(name) for name in blocked if name != "tfp_flows")
"""


@pytest.fixture(scope="module")
def fresh_process(tmp_path_factory):
    """Answers of a process that cannot import what the flow was made of: by TensorFlow alone, and by `load`."""
    _, version, requests, _ = exported()
    files = [tmp_path_factory.mktemp("fresh") / f"{name}.npz" for name in ("requests", "answers", "served")]
    np.savez(files[0], **{f"{name}/{key}": value for name, inputs in requests.items() for key, value in inputs.items()})
    command = [sys.executable, "-c", FRESH_PROCESS, version, *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [dict(np.load(file)) for file in files[1:]]


@pytest.mark.parametrize("signature", ["log_prob", "log_prob_columns", "encode", "decode", "sample", "serving_default"])
def test_tensorflow_alone_agrees_with_the_model(fresh_process, signature):
    _, _, _, answers = exported()
    got = {key.split("/")[1]: value for key, value in fresh_process[0].items() if key.split("/")[0] == signature}
    assert_close(got, answers[signature])


def test_load_agrees_with_the_model(fresh_process):
    _, _, _, answers = exported()
    expected = {f"{name}/{key}": value for name, out in answers.items() for key, value in out.items()}
    del expected["serving_default/log_prob"]
    assert_close(fresh_process[1], expected)


def test_columns_go_by_titles_too():
    _, version, requests, answers = exported()
    served, x = served_flow(version), requests["log_prob"]["x"]
    rows = dict(zip(COLUMNS.values(), x.T), more=["left", "alone"])
    np.testing.assert_allclose(served.log_prob_columns(rows), answers["log_prob"]["log_prob"], rtol=1e-5)
    table = pa.table({**dict(zip(reversed(COLUMNS.values()), x.T[::-1])), "x": [1, 2, 3, 4, 5]})  # whole numbers too
    x = np.concatenate([np.arange(1, 6)[:, None], x[:, 1:]], axis=1)
    np.testing.assert_allclose(served.log_prob_columns(table), served.log_prob(x), rtol=1e-6)


@pytest.mark.parametrize(("change", "message"), [
    ({"Höhe (m)": None}, r"Expected one column 'Hohe_m', as the signature calls it; got x, seed, class\."),
    ({"Höhe (m)": None, "Höhe m": [1.0], "Hohe/m": [1.0]}, "Expected one column 'Hohe_m', as .*; got x, seed, class, "),
    ({"seed": [1.0, 2.0]}, r"Expected columns of one length; got 1 in \S+, 2 in seed\.|got 2 in seed, 1 in"),
    ({"seed": ["a"]}, "Expected floating-point numbers in seed; got str"),
    ({"seed": [[1.0]]}, r"Expected seed of shape \(batch\); got \(1, 1\)"),
])  # fmt: skip
def test_columns_that_are_refused(change, message):
    served = served_flow(exported()[1])
    rows = {name: value for name, value in {**dict.fromkeys(COLUMNS.values(), [0.5]), **change}.items() if value}
    with pytest.raises(ValueError, match=message):
        served.log_prob_columns(rows)
    with pytest.raises(ValueError, match="Expected columns as a dictionary or a table of arrays by name; got 3"):
        served.log_prob_columns(3)


def test_draws_depend_on_the_seed_alone():
    flow, version, _, _ = exported()
    served = serving.load(version)
    assert np.array_equal(served.sample(4, [1, 2]), served.sample(4, [1, 2]))
    assert not np.array_equal(served.sample(4, [1, 2]), served.sample(4, [2, 1]))
    assert_close({"": served.sample(4, [1, 2])}, {"": flow.sample(4, seed=[1, 2]).numpy()})
    cold = flow.sample(2, seed=[1, 2], temperature=0.5).numpy()
    assert_close({"": served.sample(2, [1, 2], temperature=0.5)}, {"": cold})


def test_the_graph_holds_what_every_server_knows():
    from tensorflow.core.protobuf import saved_model_pb2

    _, version, _, _ = exported()
    graph = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes()).meta_graphs[0].graph_def
    library = {function.signature.name: function for function in graph.library.function}
    nodes = [*graph.node, *(node for function in library.values() for node in function.node_def)]
    ops = {node.op for node in nodes} - library.keys()
    assert len(ops) > 10 and all(hasattr(tf.raw_ops, op) for op in ops)
    assert not ops & {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
    assert not any("_XlaMustCompile" in part.attr for part in [*nodes, *library.values()])


def test_only_the_weights_that_serving_reads_are_written():
    flow, version, _, _ = exported()
    written = [
        shape
        for name, shape in tf.train.list_variables(str(version / "variables" / "variables"))
        if name.startswith("variables_read")
    ]
    assert len(flow.optimizer.variables) > len(written)
    read = [weight for weight in flow.weights if "initialized" not in weight.path]
    assert sorted(written) == sorted(list(weight.shape) for weight in read)


# ---- flows that cannot do everything --------------------------------------------------------------------------------


def test_mixture_has_neither_latent_nor_temperature(tmp_path):
    parts = tfd.MultivariateNormalDiag([[0.0, 0.0], [5.0, 5.0]], [[1.0, 1.0], [2.0, 2.0]])
    flow = Flow(tfd.MixtureSameFamily(tfd.Categorical(tf.Variable([0.0, 1.0])), parts))
    served = serving.load(serving.export(flow, tmp_path))
    assert served.signatures == ("log_prob", "sample", "serving_default")
    assert served.card["left_out"].keys() == {"encode", "decode", "temperature"}
    assert served.card["signatures"]["sample"]["inputs"].keys() == {"n", "seed"}
    assert_close({"x": served.sample(3, [0, 1])}, {"x": flow.sample(3, seed=[0, 1]).numpy()})
    with pytest.raises(ValueError, match=r"Expected a model that serves encode; got .* no latent\."):
        served.encode(np.zeros((1, 2), "float32"))
    with pytest.raises(ValueError, match="Expected temperature 1"):
        served.sample(3, [0, 1], temperature=0.5)


def test_direction_that_a_bijector_lacks_is_left_out(tmp_path):
    def forward(z):
        return tf.reshape(2.0 * z + 1.0, tf.reverse(tf.shape(z)[::-1], [0]))  # loses the static shape on the way

    one_way = tfb.Inline(
        forward_fn=forward,
        forward_log_det_jacobian_fn=lambda z: tf.math.log(2.0),
        forward_min_event_ndims=0,
        name="one_way",
    )
    base = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
    served = serving.load(serving.export(Flow(tfd.TransformedDistribution(base, one_way)), tmp_path))
    assert served.signatures == ("decode", "sample", "serving_default")
    assert served.card["left_out"].keys() == {"encode", "log_prob"}
    assert served.card["signatures"]["decode"]["outputs"]["x"]["shape"] == [None, 2]
    assert_close({"x": served.decode(np.ones((1, 2), "float32"))}, {"x": np.full((1, 2), 3, "float32")})


def test_conditional_flow_takes_a_context(tmp_path):
    net = MLP(2, hidden_units=(4,), context_shape=(3,), output_initializer="glorot_uniform")
    coupling = bijectors.AffineCoupling(np.array([True, False]), net)
    flow = Flow(tfd.TransformedDistribution(tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0]), coupling))
    served = serving.load(serving.export(flow, tmp_path))
    x, context = np.ones((2, 2), "float32"), np.array([[1, 2, 3], [-1, 0, 5]], "float32")
    for got, expected in (
        (served.log_prob(x, context), flow.log_prob(x, context)),
        (served.encode(x, context), flow.encode(x, context)),
        (served.decode(x, context), flow.decode(x, context)),
        (served.sample(2, [1, 2], context=context), flow.sample(2, seed=[1, 2], context=context)),
    ):
        assert_close({"": got}, {"": expected.numpy()})
    with pytest.raises(ValueError, match="Expected a context for this model's log_prob; got None"):
        served.log_prob(x)
    with pytest.raises(ValueError, match=r"Expected context of shape \(batch, 3\); got \(2, 2\)"):
        served.log_prob(x, x)


def test_float64_scalar_integer_flow_is_served_in_float64(tmp_path):
    scale = tfb.Scale(tf.Variable(3.0, dtype=tf.float64))
    base = tfd.Normal(tf.zeros([], tf.float64), tf.ones([], tf.float64))
    flow = Flow(tfd.TransformedDistribution(base, scale), dequantization=Uniform(8))
    served = serving.load(serving.export(flow, tmp_path))
    x = np.array([0.5, 7.5])
    scores, events = (served.log_prob(x), flow.log_prob(x)), (served.sample(4, [3, 4]), flow.sample(4, seed=[3, 4]))
    for got, expected in (scores, events):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=1e-14)
    assert served.card["num_bins"] == 8
    assert "integers 0..7" in served.card["signatures"]["log_prob"]["inputs"]["x"]["meaning"]
    with pytest.raises(ValueError, match="Expected floating-point numbers in x; got int64"):
        served.log_prob(np.array([1, 2]))


def test_export_initialises_nothing(tmp_path):
    chain = bijectors.Chain([bijectors.ActNorm(2), tfb.Scale(2.0)])
    flow = Flow(tfd.TransformedDistribution(tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0]), chain))
    serving.export(flow, tmp_path)
    assert not flow.is_initialized and not any(weight.numpy().any() for weight in flow.trainable_variables)


def test_a_mixture_is_served_beside_a_tape_and_loaded_without_warnings(tmp_path, caplog):
    """Its gradients are written by hand, and a SavedModel does not hold them: TensorFlow failed, and warned at load."""
    base = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), 1)
    mixture = tfb.Invert(bijectors.Elementwise(LogisticMixture(2), (2,)))
    flow, x = Flow(tfd.TransformedDistribution(base, mixture)), np.float32([[0.3, -1.2], [2.0, 0.1]])
    expected = flow.log_prob(x)
    served = served_flow(serving.export(flow, tmp_path, warmup=False))
    logging.getLogger("absl").warning("another warning")
    # TensorFlow counts how often a function of this name was traced, over all that ran before.
    said = [message for message in caplog.messages if "triggered tf.function retracing" not in message]
    assert said == ["another warning"]
    with tf.GradientTape() as tape:
        np.testing.assert_allclose(served.log_prob(x), expected, rtol=1e-5)
        watched = tf.constant(x)
        np.testing.assert_allclose(served.log_prob(watched), expected, rtol=1e-5)
        tape.watch(watched)
        with pytest.raises(
            ValueError, match="Expected the inputs of a served log_prob as arrays, .*GradientTape watches"
        ):
            served.log_prob(watched)


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "message"), [
    (lambda flow: flow.log_prob(np.zeros((2, 3))), r"Expected x of shape \(batch, 4\); got \(2, 3\)\."),
    (lambda flow: flow.encode(np.zeros(4)), r"Expected x of shape \(batch, 4\); got \(4,\)\."),
    (lambda flow: flow.decode(np.zeros((1, 4), int)), "Expected floating-point numbers in z; got int64"),
    (lambda flow: flow.log_prob(np.zeros((2, 4)), np.zeros((2, 1))), "Expected no context"),
    (lambda flow: flow.sample(0, [1, 2]), "Expected n to be a positive integer; got 0"),
    (lambda flow: flow.sample(2.5, [1, 2]), "Expected n to be a positive integer; got 2.5"),
    (lambda flow: flow.sample(2, 1), "Expected seed to be two integers of 32 bits; got 1"),
    (lambda flow: flow.sample(2, [1, 2**31]), "Expected seed to be two integers of 32 bits; got"),
    (lambda flow: flow.sample(2, [1.5, 2.0]), "Expected seed to be two integers of 32 bits; got"),
    (lambda flow: flow.sample(2, [1, 2], temperature=-1), "Expected temperature to be a finite number"),
    (lambda flow: flow.sample(2, [1, 2], temperature=np.nan), "Expected temperature to be a finite number"),
])  # fmt: skip
def test_served_flow_refuses_in_one_sentence(call, message):
    _, version, _, _ = exported()
    with pytest.raises(ValueError, match=message):
        call(served_flow(version))


def test_export_refuses_in_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"Expected model to be a tfp_flows\.Flow, .*; got <?tfp\.distributions"):
        serving.export(gaussian().distribution, tmp_path)
    with pytest.raises(ValueError, match="Expected path to be a folder in the local file system; got 'gs://flow'"):
        serving.export(gaussian(), "gs://flow")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ValueError, match="Expected path to be a folder"):
        serving.export(gaussian(), file)
    with pytest.raises(ValueError, match="Expected warmup to be 'auto', True or False; got 'yes'"):
        serving.export(gaussian(), tmp_path, warmup="yes")
    with pytest.raises(ValueError, match="Expected card to be a dictionary with strings as keys; got 3"):
        serving.export(gaussian(), tmp_path, card=3)
    with pytest.raises(ValueError, match="Expected names that the model card does not fill in itself; got date"):
        serving.export(gaussian(), tmp_path, card={"date": "today"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("double", "message"), [
    (tf.function(lambda x: 2.0 * x, jit_compile=True), "Expected a flow without jit_compile=True .*; got it on '__inf"),
    (lambda x: tf.ensure_shape(tf.numpy_function(np.multiply, [x, np.float32(2)], tf.float32), x.shape),
     "Expected a flow of TensorFlow ops alone, .*; got PyFunc"),
])  # fmt: skip
def test_export_refuses_what_the_server_cannot_run(tmp_path, double, message):
    bijector = tfb.Inline(
        forward_fn=double,
        inverse_fn=lambda x: x / 2.0,
        forward_min_event_ndims=0,
        inverse_log_det_jacobian_fn=lambda x: -tf.math.log(2.0),
    )
    base = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
    with pytest.raises(ValueError, match=message):
        serving.export(Flow(tfd.TransformedDistribution(base, bijector)), tmp_path)
    assert not any(tmp_path.iterdir())
