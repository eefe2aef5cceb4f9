"""The files of an exported flow: versions, half-written ones, the model card, warm-up requests."""

import concurrent.futures
import json
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.served import COLUMNS, contents, exported, gaussian
from tfp_flows import NICE, serving
from tfp_flows.data.tables.schema import Column, Schema
from tfp_flows.data.tables.values import Kind
from tfp_flows.networks import MLP
from tfp_flows.serving import versions
from tfp_flows.serving.card import model_card

ROOT = pathlib.Path(__file__).resolve().parents[2]


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


# ---- model card and warm-up -----------------------------------------------------------------------------------------


def test_model_card():
    flow, version, _, _ = exported()

    def refuse(token):
        raise AssertionError(f"{token} is no JSON")

    card = json.loads((version / "model_card.json").read_text(), parse_constant=refuse)
    assert card == serving.load(version).card
    assert {key: card[key] for key in ("data", "seed", "command", "owner", "event_shape", "num_bins", "left_out")} == {
        "data": "two blobs",
        "seed": 3,
        "command": None,
        "owner": "tests",
        "event_shape": [4],
        "num_bins": None,
        "left_out": {},
    }
    assert card["metrics"] == {"nll": 1.5, "worst": None}
    assert card["model"]["class"] == "tfp_flows.flow.flow.Flow"
    assert card["num_parameters"] == sum(np.size(weight) for weight in flow.trainable_variables)
    assert card["date"].endswith("+00:00")
    made_by = card["versions"]
    assert made_by.keys() == {"tfp_flows", "tensorflow", "keras", "tensorflow_probability", "numpy", "python"}
    assert all(made_by.values())
    assert (made_by["tensorflow"], made_by["tensorflow_probability"]) == (tf.__version__, tfp.__version__)
    assert card["signatures"].keys() == {"log_prob", "log_prob_columns", "sample", "encode", "decode"}
    assert card["signatures"]["log_prob"] == {
        "inputs": {"x": {"dtype": "float32", "shape": [None, 4], "meaning": "event in the data's own units"}},
        "outputs": {"log_prob": {"dtype": "float32", "shape": [None], "meaning": "log density in nats per event"}},
    }
    assert {name: spec["shape"] for name, spec in card["signatures"]["sample"]["inputs"].items()} == {
        "n": [],
        "seed": [2],
        "temperature": [],
    }
    assert card["columns"] == COLUMNS
    meanings = {name: spec["meaning"] for name, spec in card["signatures"]["log_prob_columns"]["inputs"].items()}
    assert meanings == {name: f"column {title!r}, in the data's own unit" for name, title in COLUMNS.items()}
    for name, output in (("sample", "x"), ("encode", "z"), ("decode", "x")):
        assert card["signatures"][name]["outputs"][output]["shape"] == [None, 4]


def test_model_card_spells_out_what_json_does_not_know():
    given = {
        "a": np.arange(2),
        "b": (tf.constant(1.5), pathlib.Path("x")),
        "c": {1: np.float32},
        "d": -np.inf,
        "e": MLP(3, name="net"),
        "f": {2, 1},
    }
    card = model_card(gaussian(), {}, {}, given)
    assert [card[name] for name in "abcdf"] == [[0, 1], [1.5, "x"], {"1": "float32"}, None, [1, 2]]
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


# ---- the columns of a table -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "message"), [
    (["a"], "Expected 2 columns of the event and 0 of the context; got 1 and 0"),
    (["a", "b", "c"], "Expected 2 columns of the event and 0 of the context; got 2 and 1"),
    (["a", "a"], "Expected a different title for each column; got 'a' twice"),
    ("ab", "Expected columns as the titles of a table's, or its schema; got 'ab'"),
    (["a", 3], r"Expected columns as the titles of a table's, or its schema; got \['a', 3\]"),
])  # fmt: skip
def test_columns_that_are_not_the_flow_s(tmp_path, columns, message):
    with pytest.raises(ValueError, match=message):
        serving.export(gaussian(), tmp_path / "new", columns=columns)
    assert not (tmp_path / "new").exists()


def test_columns_without_titles_have_no_signature(tmp_path):
    schema = Schema((Column("column 1", "event", Kind("real")), Column("column 2", "event", Kind("real"))), False)
    served = serving.load(serving.export(gaussian(), tmp_path, columns=schema, warmup=False))
    assert served.card["columns"] is None and "log_prob_columns" not in served.signatures
    with pytest.raises(ValueError, match="Expected a model that serves log_prob_columns; got one that serves decode,"):
        served.log_prob_columns({"column 1": [0.0]})
