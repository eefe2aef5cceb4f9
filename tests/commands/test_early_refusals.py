"""What can be refused without TensorFlow is refused without it: a slip is answered at once, in a sentence."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests.commands.test_cli import COMMANDS
from tfp_flows import data, runs
from tfp_flows.catalog import MODELS
from tfp_flows.data import registry
from tfp_flows.runs import asked

# What is written, and what is said of it.
REFUSED = [
    ("train wavenet --data moons", "Expected audio for wavenet, recordings (.wav files); got moons, whose events are"),
    ("train wavenet --data fashion_mnist", "Expected audio for wavenet"),
    ("train glow --data spirals", "Expected images for glow, of shape (height, width, channels); got spirals"),
    ("train glow --data cifar10 --data-set flatten=yes", "Expected images for glow"),
    ("train nice --data digits --data-set flatten=no", "Expected vectors for nice; got digits, whose events are"),
    ("train nice --data images.npy", "Expected vectors for nice; got images.npy, whose events are images"),
    ("train glow --data table.csv", "Expected images for glow"),
    ("train maf --data broken.csv", "Expected numbers in broken.csv; got 'x' in line 2, column 2"),
    ("train maf --data table.csv --conditional", "Expected data with labels for a class-conditional model"),
    ("train maf --data nowhere.npz", "Expected a file at nowhere.npz; got nothing there"),
    ("train maf --data notes.txt", "Expected a .npy, .npz, .csv, .tsv (or .gz of these two), .parquet or .wav file"),
    ("train maf --data checkerbord", "did you mean 'checkerboard'?"),
    ("train maf --data rings --data-set num_tests=5", "got 'num_tests' (did you mean 'num_test'?)"),
    ("train maf --data mnist --data-set num_train=many", "Expected num_train of mnist to be of kind int | None; got"),
    ("train maf --data mnist --data-set num_train=0", "Expected num_train to be an integer of at least 1; got 0"),
    ("train maf --data table.csv --data-set num_train=500", "Expected num_train of at most 32, the events in train"),
    ("train maf --data mnist --data-set num_bits=12", "Expected num_bits to be an integer in 1..8; got 12"),
    ("train maf --data table.csv --data-set header=2", "Expected header of table.csv to be of kind bool | None; got 2"),
    ("train realnvp --data moons --set event_shape=2", "Expected arguments of realnvp without event_shape"),
    ("train realnvp --data digits --set num_bins=17", "Expected arguments of realnvp without num_bins"),
    ("train nice --data moons --set seed=1", "Expected arguments of nice without seed, which --seed is; got 1"),
    ("train iaf --data moons --set context_shape=3,", "Expected arguments of iaf without context_shape"),
    ("train nice --data moons --set hidden_units=64,0", "Expected hidden_units to be positive integers; got [64, 0]"),
    ("train glow --data digits --set num_steps=-2", "Expected num_steps to be a positive integer; got -2"),
    ("train parallel_wavenet --data moons", "which `tfp-flows distill` makes of a run of wavenet"),
    ("train nice --data moons --epochs 0", "Expected epochs to be a positive integer; got 0"),
    ("train nice --data moons --batch-size -5", "Expected batch_size to be a positive integer; got -5"),
    ("train nice --data moons --learning-rate inf", "Expected learning_rate to be a positive finite number; got inf"),
    ("train nice --data moons --ema 1", "Expected ema between 0 and 1, the momentum of a moving average; got 1"),
    ("train nice --data moons --accumulate 0", "Expected accumulate to be a positive integer; got 0"),
    ("train maf --resume --out run --accumulate 2", "Expected accumulate to be 1, as the run to resume has it; got 2"),
    ("train nice --data moons --minutes -1", "Expected minutes to be a positive finite number; got -1"),
    ("train nice --data moons --picture-every -3", "Expected picture_every to be an integer of at least 0; got -3"),
    ("train nice --data moons --out run", "Expected a new or empty folder for the run; got 'run'"),
    ("train maf --resume --out run --set num_layers=3", "Expected num_layers to be 2, as the run to resume has it"),
    ("distill run --set num_layer=3", "Expected arguments of iaf among "),
    ("distill run --set hidden_units=many", "Expected hidden_units of iaf to be of kind "),
    ("distill run --set seed=3", "Expected arguments of iaf without seed"),
    ("distill run --strategy multiworker --epochs 2", "Expected TF_CONFIG such as "),
    ("distill run --accumulate 0", "Expected accumulate to be a positive integer; got 0"),
    ("distill run --epochs 0", "Expected epochs to be a positive integer; got 0"),
    ("distill run --temperature 0", "Expected temperature to be a positive finite number; got 0"),
    ("distill run --power-weight 1", "Expected power_weight=0 for events that are no audio; got 1"),
    ("distill run --out run", "Expected a new or empty folder for the run"),
    ("distill new", "Expected trained weights in 'new'; got none"),
    ("evaluate run --num-samples 0", "Expected --num-samples to be a positive integer; got 0"),
    ("score run table.csv", "Expected a run that was trained on a table; got 'run'"),
    ("sample run --to s.csv", "Expected a run of a table for --to s.csv; got 'run', whose data are none"),
    ("sample run --given a=1", "Expected --given beside --to PATH.csv or PATH.parquet of a run of a table"),
    ("evaluate gone", "Expected a file at gone.csv; got nothing there"),
    ("sample gone --n 0", "Expected --n to be a positive integer; got 0"),
    ("train maf --resume --out gone", "Expected a file at gone.csv; got nothing there"),
    ("sample run --n -1", "Expected --n to be a positive integer; got -1"),
    ("sample run --temperature warm", "Expected --temperature to be a number"),
    ("sample run --temperature -0.5", "Expected --temperature to be a finite number of at least 0; got -0.5"),
    ("sample run --temperatures 0.5,1", "Expected one temperature for events that are neither images nor audio"),
    ("sample run --class 1", "Expected --class with a conditional run only"),
    ("sample run --seconds 1", "Expected --seconds with a run on audio only"),
    ("sample run --steps 5", "Expected --steps with a run of continuous time only; got 'run', of maf"),
    ("trajectories run", "Expected a run of continuous time; got 'run', of maf"),
    ("sample field --steps 0", "Expected --steps to be a positive integer; got 0"),
    ("sample field --solver ddim --steps 4", "Expected --solver among heun, midpoint, rk4, euler, dormand_prince, t"),
    ("sample field --solver heun", "Expected --steps beside --solver heun, whose steps are of one length"),
    ("sample field --guidance -1", "Expected --guidance to be a finite number of at least 0; got -1"),
    ("sample field --guidance 2", "Expected --guidance with a run that knows classes; got 'field', which knows none"),
    ("sample tokens --steps 5", "Expected --steps with a run of continuous time only; got 'tokens', of tarflow"),
    ("sample tokens --solver heun", "Expected --solver among autoregressive, for tarflow; got 'heun'"),
    ("trajectories tokens", "Expected a run of continuous time; got 'tokens', of tarflow"),
    ("trajectories field --times 1", "Expected --times to be at least 2; got 1"),
    ("trajectories field --class 1", "Expected --class with a conditional run only; got 'field', which knows none"),
    ("interpolate run", "Expected a run of images to draw; got events of shape (2,)"),
    ("reconstruct run --n 0", "Expected --n to be a positive integer; got 0"),
    ("novelty run --data ring", "did you mean 'rings'?"),
    ("novelty run --data rings --level 1", "Expected --level to be between 0 and 1; got 1"),
    ("novelty run --data rings --data-set num_bit=4", "did you mean 'num_bits'?"),
    ("train nice --data moons --strategy multiworker --epochs 1", "Expected TF_CONFIG such as {"),
    ("export run --to notes.txt", "Expected path to be a folder in the local file system; got 'notes.txt'"),
    ("list gloww", "did you mean 'glow'?"),
]  # fmt: skip
CODE = """
import json, sys
from tfp_flows import cli

def needed():
    raise AssertionError(f"TensorFlow is imported: {line}")

cli._import_tensorflow = needed
for line in json.loads(sys.argv[1]):
    assert cli.main(line.split()) == 2, line
heavy = {"tensorflow", "keras", "tensorflow_probability", "tensorflow_datasets", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("early")
    (folder / "notes.txt").write_text("notes")
    (folder / "table.csv").write_text("".join(f"{i % 9},{i * i / 7}\n" for i in range(40)))
    (folder / "broken.csv").write_text("1,2\n3,x\n" + "4,5\n" * 9)
    np.save(folder / "images.npy", np.zeros((30, 4, 4, 1), np.uint8))
    config = dict(
        model="maf", arguments=dict(event_shape=[2], num_layers=2), data="moons", data_options={},
        training=dict(epochs=3, batch_size=8, learning_rate=0.1),
    )  # fmt: skip
    field = {"model": "flow_matching", "arguments": dict(event_shape=[2])}
    tokens = {**field, "model": "tarflow"}
    for name, changed in (
        ("run", {}), ("new", {}), ("gone", {"data": "gone.csv"}), ("field", field), ("tokens", tokens),
    ):  # fmt: skip
        runs.Run.create(folder / name, {**config, **changed})
        if name != "new":
            (folder / name / "best.weights.h5").write_bytes(b"weights")
    return folder


def test_a_slip_is_answered_without_tensorflow(folder):
    assert {line.split()[0] for line, _ in REFUSED} == set(COMMANDS)
    before = sorted(folder.rglob("*"))
    result = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps([line for line, _ in REFUSED])], capture_output=True, text=True,
        cwd=folder, env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    said = result.stderr.splitlines()
    assert len(said) == len(REFUSED)
    wrong = [(line, got) for (line, sentence), got in zip(REFUSED, said) if sentence not in got]
    assert not wrong and all(line.startswith("tfp-flows: error: Expected ") for line in said), wrong
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("kind", ["vectors", "images", "audio", None])
@pytest.mark.parametrize("model", MODELS)
def test_every_model_says_which_events_it_takes(model, kind):
    known = MODELS[model].events
    if kind is None or kind in known or (kind == "audio" and "vectors" in known):
        asked.check_kind(model, kind, "the data", {})
        return
    with pytest.raises(ValueError, match=f"for {model}.*; got the data, whose events are {kind}"):
        asked.check_kind(model, kind, "the data", {})
    if kind == "vectors" and "audio" in known:
        asked.check_kind(model, kind, "the data", {"sample_rate": 8000})


def test_the_kind_that_is_known_early_is_that_of_the_data(folder):
    for name, options in (("digits", {}), ("digits", {"flatten": False}), ("rings", {"num_train": 9})):
        assert registry.kind(name, options) == data.load(name, **options).kind
    assert registry.kind("mnist", {}, takes_images=True) == "images"
    table = str(folder / "table.csv")
    assert registry.kind(table, {}) == data.load(table, dtype="float32").kind == "vectors"
    assert registry.kind(str(folder / "images.npy"), {}) is None
    assert data.load(folder / "images.npy").kind == "images"
