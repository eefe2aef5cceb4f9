"""Export and load: what is written, what it answers, what happens when something goes wrong."""

import concurrent.futures
import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import NICE, Flow, bijectors, masks, serving
from tfp_flows.dequantization import Uniform
from tfp_flows.networks import MLP
from tfp_flows.serving import versions
from tfp_flows.serving.card import model_card

tfd, tfb = tfp.distributions, tfp.bijectors
ROOT = pathlib.Path(__file__).parents[1]
FEATURES = 4
CARD = {"data": "two blobs", "metrics": {"nll": np.float32(1.5), "worst": float("nan")}, "seed": 3, "owner": "tests"}


def randomize(flow, scale=0.2):
    """Moves every weight away from where a flow is the identity."""
    for number, weight in enumerate(flow.trainable_variables):
        noise = tf.random.stateless_normal(weight.shape, seed=[7, number], dtype=weight.dtype)
        weight.assign_add(scale * noise)


@functools.cache
def exported():
    """A flow of our bijectors and TFP's own in TFP's chain, trained for one step and exported once for all tests.

    Returns:
        flow, the version's folder, requests (signature -> inputs) and the flow's own answers (signature -> outputs).
    """
    half = masks.half(FEATURES)
    flow = Flow(tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros(FEATURES), tf.ones(FEATURES)),
        tfb.Chain([
            bijectors.ActNorm(FEATURES),
            bijectors.AffineCoupling(half, MLP(2 * int((~half).sum()), hidden_units=(8,))),
            tfb.MaskedAutoregressiveFlow(tfb.AutoregressiveNetwork(
                params=2, event_shape=[FEATURES], hidden_units=[8], activation="tanh")),
        ]),
    ))
    flow.compile("adam")
    flow.fit(np.random.default_rng(0).normal(size=(32, FEATURES)).astype("float32"), batch_size=32, verbose=0)
    randomize(flow)

    x = np.random.default_rng(1).normal(size=(5, FEATURES)).astype("float32")
    z = np.random.default_rng(2).normal(size=(3, FEATURES)).astype("float32")
    draw = {"n": np.int32(6), "seed": np.array([5, -9], np.int32), "temperature": np.float32(0.7)}
    requests = {"log_prob": {"x": x}, "encode": {"x": x}, "decode": {"z": z}, "sample": draw, "serving_default": {"x": x}}
    answers = {
        "log_prob": {"log_prob": flow.log_prob(x).numpy()},
        "encode": {"z": flow.encode(x).numpy()},
        "decode": {"x": flow.decode(z).numpy()},
        "sample": {"x": flow.sample(6, seed=[5, -9], temperature=0.7).numpy()},
        "serving_default": {"log_prob": flow.log_prob(x).numpy()},
    }
    before = [weight.numpy() for weight in flow.variables]
    folder = tempfile.TemporaryDirectory()
    version = serving.export(flow, pathlib.Path(folder.name) / "flow", card=CARD)
    assert all(np.array_equal(old, weight.numpy()) for old, weight in zip(before, flow.variables))
    exported.folder = folder  # lives as long as the process
    return flow, pathlib.Path(version), requests, answers


@functools.cache
def gaussian():
    """The smallest flow, for tests about files: two weights, exported in well under a second."""
    loc, scale = tf.Variable([0.0, 1.0]), tf.Variable([1.0, 2.0])
    return Flow(tfd.MultivariateNormalDiag(loc, scale))


served_flow = functools.cache(serving.load)


def assert_close(got, expected):
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name].dtype == np.float32 and got[name].shape == value.shape
        assert np.abs(got[name] - value).max() <= 1e-5 * max(1, np.abs(value).max())


def contents(folder):
    """Every file below a folder and its bytes."""
    folder = pathlib.Path(folder)
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


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
})
assert not any(sys.modules.get(name) for name in blocked if name != "tfp_flows")
"""


@pytest.fixture(scope="module")
def fresh_process(tmp_path_factory):
    """Answers of a process that cannot import what the flow was made of: by TensorFlow alone, and by `load`."""
    _, version, requests, _ = exported()
    files = [tmp_path_factory.mktemp("fresh") / f"{name}.npz" for name in ("requests", "answers", "served")]
    np.savez(files[0], **{f"{name}/{key}": value for name, inputs in requests.items() for key, value in inputs.items()})
    done = subprocess.run([sys.executable, "-c", FRESH_PROCESS, version, *files], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [dict(np.load(file)) for file in files[1:]]


@pytest.mark.parametrize("signature", ["log_prob", "encode", "decode", "sample", "serving_default"])
def test_tensorflow_alone_agrees_with_the_model(fresh_process, signature):
    _, _, _, answers = exported()
    got = {key.split("/")[1]: value for key, value in fresh_process[0].items() if key.split("/")[0] == signature}
    assert_close(got, answers[signature])


def test_load_agrees_with_the_model(fresh_process):
    _, _, _, answers = exported()
    expected = {f"{name}/{key}": value for name, out in answers.items() for key, value in out.items()}
    del expected["serving_default/log_prob"]
    assert_close(fresh_process[1], expected)


def test_draws_depend_on_the_seed_alone():
    flow, version, _, _ = exported()
    served = serving.load(version)
    assert np.array_equal(served.sample(4, [1, 2]), served.sample(4, [1, 2]))
    assert not np.array_equal(served.sample(4, [1, 2]), served.sample(4, [2, 1]))
    assert_close({"x": served.sample(4, [1, 2])}, {"x": flow.sample(4, seed=[1, 2]).numpy()})
    assert_close({"x": served.sample(2, [1, 2], temperature=0)}, {"x": flow.sample(2, seed=[1, 2], temperature=0.0).numpy()})


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
    written = [shape for name, shape in tf.train.list_variables(str(version / "variables" / "variables"))
               if name.startswith("variables_read")]
    assert len(flow.optimizer.variables) > len(written)
    assert sorted(written) == sorted(list(weight.shape) for weight in flow.trainable_variables)


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
    one_way = tfb.Inline(forward_fn=lambda z: 2.0 * z + 1.0, forward_log_det_jacobian_fn=lambda z: tf.math.log(2.0),
                         forward_min_event_ndims=0, name="one_way")
    base = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
    served = serving.load(serving.export(Flow(tfd.TransformedDistribution(base, one_way)), tmp_path))
    assert served.signatures == ("decode", "sample", "serving_default")
    assert served.card["left_out"].keys() == {"encode", "log_prob"}
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


def test_float64_scalar_integer_flow_is_served_in_float32(tmp_path):
    scale = tfb.Scale(tf.Variable(3.0, dtype=tf.float64))
    base = tfd.Normal(tf.zeros([], tf.float64), tf.ones([], tf.float64))
    flow = Flow(tfd.TransformedDistribution(base, scale), dequantization=Uniform(8))
    served = serving.load(serving.export(flow, tmp_path))
    x = np.array([0.5, 7.5])
    assert_close({"": served.log_prob(x)}, {"": flow.log_prob(x).numpy().astype("float32")})
    assert_close({"": served.sample(4, [3, 4])}, {"": flow.sample(4, seed=[3, 4]).numpy().astype("float32")})
    assert served.card["num_bins"] == 8
    assert "integers 0..7" in served.card["signatures"]["log_prob"]["inputs"]["x"]["meaning"]
    with pytest.raises(ValueError, match="Expected floating-point numbers in x; got int64"):
        served.log_prob(np.array([1, 2]))


def test_export_initialises_nothing(tmp_path):
    chain = bijectors.Chain([bijectors.ActNorm(2), tfb.Scale(2.0)])
    flow = Flow(tfd.TransformedDistribution(tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0]), chain))
    serving.export(flow, tmp_path)
    assert not flow.is_initialized and not any(weight.numpy().any() for weight in flow.trainable_variables)


# ---- files ----------------------------------------------------------------------------------------------------------


def test_versions_number_up_and_stay_as_they_are(tmp_path):
    first = serving.export(gaussian(), tmp_path)
    assert first == str(tmp_path / "1")
    before = contents(first)
    (tmp_path / "007").mkdir()
    (tmp_path / "12.backup").mkdir()
    assert serving.export(gaussian(), str(tmp_path)) == str(tmp_path / "8")
    assert serving.load(tmp_path).path == str(tmp_path / "8")
    assert contents(first) == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["007", "1", "12.backup", "8"]


def test_two_writers_never_share_a_number(tmp_path, monkeypatch):
    # As if each had looked for the highest number before any of the others wrote.
    monkeypatch.setattr(versions, "numbers", lambda base: {})

    def write(number):
        with versions.unpublished(tmp_path) as folder:
            (folder / "who").write_text(str(number))
            return versions.publish(folder, tmp_path)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        written = list(pool.map(write, range(40)))
    assert sorted(int(version.name) for version in written) == list(range(1, 41))
    assert [version.joinpath("who").read_text() for version in written] == [str(number) for number in range(40)]


@pytest.mark.parametrize("function", ["tf.saved_model.save", "tfp_flows.serving.export.write_card"])
def test_failure_leaves_nothing_behind(tmp_path, monkeypatch, function):
    serving.export(gaussian(), tmp_path / "old")
    before = contents(tmp_path)

    def fail(*args, **kwargs):
        next(tmp_path.glob("**/unpublished-*")).joinpath("half").write_text("written")
        raise OSError("no space left on device")

    module = tf.saved_model if function.startswith("tf.") else sys.modules["tfp_flows.serving.export"]
    monkeypatch.setattr(module, function.rsplit(".", 1)[1], fail)
    for path in ("old", "new/deeper"):
        with pytest.raises(OSError, match="no space"):
            serving.export(gaussian(), tmp_path / path)
    assert contents(tmp_path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["old"]
    assert serving.load(tmp_path / "old").path == str(tmp_path / "old" / "1")


def test_the_server_may_read_what_is_written(tmp_path):
    probe = tmp_path / "probe"
    probe.mkdir()
    version = pathlib.Path(serving.export(gaussian(), tmp_path / "flow"))
    assert version.stat().st_mode == version.parent.stat().st_mode == probe.stat().st_mode


@pytest.mark.parametrize("lacks", ["saved_model.pb", "variables/variables.index"])
def test_half_written_version_is_not_loaded(tmp_path, lacks):
    version = pathlib.Path(serving.export(gaussian(), tmp_path, warmup=False))
    (version / lacks).unlink()
    for path in (version, tmp_path):
        with pytest.raises(ValueError, match=f"Expected a whole version; got '{version}', which lacks {lacks}."):
            serving.load(path)


def test_load_says_where_there_is_no_model(tmp_path):
    with pytest.raises(ValueError, match="Expected the folder of an exported model; got '.*nowhere', which is none"):
        serving.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="Expected a folder with a numbered version in it; got '.*', which has none"):
        serving.load(tmp_path)


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
    (lambda flow: flow.sample(2, [1, 2], temperature=-1), "Expected temperature to be a finite number of at least 0"),
    (lambda flow: flow.sample(2, [1, 2], temperature=np.nan), "Expected temperature to be a finite number of at least 0"),
])  # fmt: skip
def test_served_flow_refuses_in_one_sentence(call, message):
    _, version, _, _ = exported()
    with pytest.raises(ValueError, match=message):
        call(served_flow(version))


# ---- refusals of export ---------------------------------------------------------------------------------------------


def test_export_refuses_in_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"Expected model to be a tfp_flows\.Flow, .*; got <?tfp\.distributions"):
        serving.export(gaussian().distribution, tmp_path)
    with pytest.raises(ValueError, match="Expected path to be a folder in the local file system; got 'gs://bucket/flow'"):
        serving.export(gaussian(), "gs://bucket/flow")
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
    bijector = tfb.Inline(forward_fn=double, inverse_fn=lambda x: x / 2.0, forward_min_event_ndims=0,
                          inverse_log_det_jacobian_fn=lambda x: -tf.math.log(2.0))
    base = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
    with pytest.raises(ValueError, match=message):
        serving.export(Flow(tfd.TransformedDistribution(base, bijector)), tmp_path)
    assert not any(tmp_path.iterdir())


# ---- model card and warm-up -----------------------------------------------------------------------------------------


def test_model_card():
    flow, version, _, _ = exported()

    def refuse(token):
        raise AssertionError(f"{token} is no JSON")

    card = json.loads((version / "model_card.json").read_text(), parse_constant=refuse)
    assert card == serving.load(version).card
    assert {key: card[key] for key in ("data", "seed", "command", "owner", "event_shape", "num_bins", "left_out")} == {
        "data": "two blobs", "seed": 3, "command": None, "owner": "tests", "event_shape": [4], "num_bins": None,
        "left_out": {},
    }
    assert card["metrics"] == {"nll": 1.5, "worst": None}
    assert card["model"]["class"] == "tfp_flows.models.flow.Flow"
    assert card["num_parameters"] == sum(np.size(weight) for weight in flow.trainable_variables)
    assert card["date"].endswith("+00:00")
    assert card["versions"]["tensorflow"] == tf.__version__ and card["versions"]["tensorflow_probability"] == tfp.__version__
    assert card["versions"].keys() == {
        "tfp_flows", "tensorflow", "keras", "tensorflow_probability", "numpy", "python"} and all(card["versions"].values())
    assert card["signatures"].keys() == {"log_prob", "sample", "encode", "decode"}
    assert card["signatures"]["log_prob"] == {
        "inputs": {"x": {"dtype": "float32", "shape": [None, 4], "meaning": "event in the data's own units"}},
        "outputs": {"log_prob": {"dtype": "float32", "shape": [None], "meaning": "log density in nats per event"}},
    }
    assert {name: spec["shape"] for name, spec in card["signatures"]["sample"]["inputs"].items()} == {
        "n": [], "seed": [2], "temperature": []}
    for name, output in (("sample", "x"), ("encode", "z"), ("decode", "x")):
        assert card["signatures"][name]["outputs"][output]["shape"] == [None, 4]


def test_model_card_spells_out_what_json_does_not_know():
    given = {"a": np.arange(2), "b": (tf.constant(1.5), pathlib.Path("x")), "c": {1: np.float32}, "d": -np.inf,
             "e": MLP(3, name="net"), "f": {2, 1}}
    card = model_card(gaussian(), {}, {}, given)
    assert (card["a"], card["b"], card["c"], card["d"], card["f"]) == ([0, 1], [1.5, "x"], {"1": "float32"}, None, [1, 2])
    assert card["e"]["class"] == "tfp_flows.networks.mlp.MLP" and card["e"]["arguments"]["num_outputs"] == 3
    json.dumps(card, allow_nan=False)


def test_model_card_holds_the_arguments_of_a_named_model():
    card = model_card(NICE(event_shape=(4,), num_bins=8, num_layers=1, hidden_units=(4,)), {}, {})
    assert card["model"]["class"] == "tfp_flows.models.nice.NICE" and card["num_bins"] == 8
    arguments = card["model"]["arguments"]
    assert (arguments["event_shape"], arguments["hidden_units"], arguments["num_layers"]) == ([4], [4], 1)


def test_reading_needs_little():
    code = """
import sys
import tfp_flows.serving.card, tfp_flows.serving.load
heavy = {"tensorflow", "tensorflow_probability", "keras", "tf_keras"} & sys.modules.keys()
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_warmup_without_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    with pytest.raises(ImportError, match=r'pip install "tfp_flows\[serving\]"'):
        serving.export(gaussian(), tmp_path, warmup=True)
    assert not any(tmp_path.iterdir())
    with pytest.warns(UserWarning, match=r'no warm-up requests .* pip install "tfp_flows\[serving\]"') as caught:
        version = serving.export(gaussian(), tmp_path)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        serving.export(gaussian(), tmp_path, warmup=False)
    assert not list(tmp_path.glob("*/assets.extra")) and serving.load(version).card
