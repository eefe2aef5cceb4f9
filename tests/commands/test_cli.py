"""The command line as a stranger meets it: fast help, one sentence for an error, everything in one directory."""

import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest

from tfp_flows import cli
from tfp_flows.data.dataset import SPLITS

sklearn = pytest.importorskip("sklearn", reason="the extra `data` is not installed")


# name -> its parser
COMMANDS = cli._parser()._subparsers._group_actions[0].choices


def ask(*argv):
    return subprocess.run([sys.executable, "-m", "tfp_flows.cli", *argv], capture_output=True, text=True)


@pytest.mark.parametrize(
    "argv", [["--help"], ["list"], ["list", "Glow"], ["list", "digits"], *([name, "--help"] for name in COMMANDS)]
)
def test_help_imports_nothing_heavy(argv):
    code = f"""
import sys
from tfp_flows import cli
try:
    cli.main({argv!r})
except SystemExit as stop:
    assert not stop.code
heavy = {{"tensorflow", "keras", "tensorflow_probability", "tensorflow_datasets", "sklearn", "matplotlib"}}
heavy &= set(sys.modules)
assert not heavy, heavy
"""
    start = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") > 3
    print(f"{argv}: {time.perf_counter() - start:.2f} s")


# Of each command that takes a run directory.
OF_DIRECTORIES = [
    ["train", "realnvp", "--resume", "--out", "DIR"], ["distill", "DIR"], ["evaluate", "DIR"], ["sample", "DIR"],
    ["interpolate", "DIR"], ["reconstruct", "DIR"], ["novelty", "DIR", "--data", "moons"], ["export", "DIR"],
    ["trajectories", "DIR"], ["score", "DIR", "table.csv"],
]  # fmt: skip


def test_bad_run_directories_are_refused_before_tensorflow_is_imported(tmp_path):
    assert {argv[0] for argv in OF_DIRECTORIES} == set(COMMANDS) - {"list"}
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text("{")
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "config.json").write_text('{"format": 1000}')
    code = f"""
import sys
from tfp_flows import cli
for path in ("nowhere", "half", "newer"):
    for argv in {OF_DIRECTORIES!r}:
        assert cli.main([path if word == "DIR" else word for word in argv]) == 2
heavy = {{"tensorflow", "keras", "tensorflow_probability", "tensorflow_datasets", "sklearn", "matplotlib"}}
heavy &= set(sys.modules)
assert not heavy, heavy
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    n, said = len(OF_DIRECTORIES), result.stderr.splitlines()
    missing = "tfp-flows: error: Expected a run directory with a config.json; got 'nowhere', which has none."
    assert said[:n] == [missing] * n
    assert all("Expected a JSON file at 'half/config.json'; got JSONDecodeError" in line for line in said[n : 2 * n])
    assert all("'newer/config.json'; got 1000, of a newer version" in line for line in said[2 * n :])
    assert len(said) == 3 * n and sorted(os.listdir(tmp_path)) == ["half", "newer"]


def test_splits_are_those_of_the_data():
    (split,) = (action for action in COMMANDS["evaluate"]._actions if action.dest == "split")
    assert split.choices == SPLITS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = str(tmp_path_factory.mktemp("cli") / "run")
    code = cli.main(
        ["train", "realnvp", "--data", "digits", "--out", out, "--epochs", "2", "--set", "num_layers=2", "--set",
         "hidden_units=16,16", "--picture-every", "1", "--quiet"]
    )  # fmt: skip
    assert code == 0
    return out


def test_train_leaves_everything(run, capsys):
    assert {"config.json", "log.csv", "best.weights.h5", "metrics.json", "samples.png", "curve.png", "samples",
            "savedmodel", "checkpoint-0002.weights.h5"} == set(os.listdir(run))  # fmt: skip
    assert os.listdir(os.path.join(run, "samples")) and os.listdir(os.path.join(run, "savedmodel")) == ["1"]
    config = json.load(open(os.path.join(run, "config.json")))
    assert config["arguments"]["hidden_units"] == [16, 16] and config["arguments"]["num_bins"] == 17
    card = json.load(open(os.path.join(run, "savedmodel", "1", "model_card.json")))
    assert (
        card["data"] == "digits"
        and card["metrics"]["bits_per_dim"] > 0
        and card["command"].startswith("tfp-flows train")
    )


def test_evaluate_prints_json(run, capsys):
    assert cli.main(["evaluate", run, "--split", "validation"]) == 0
    scores = json.loads(capsys.readouterr().out)
    log = [line.split(",") for line in open(os.path.join(run, "log.csv")).read().splitlines()]
    logged = min(float(row[log[0].index("val_nll")]) for row in log[1:])
    assert scores["split"] == "validation" and scores["nll"] == pytest.approx(logged, rel=0.02)
    assert cli.main(["evaluate", run, "--split", "validation", "--num-samples", "4"]) == 0
    tighter = json.loads(capsys.readouterr().out)
    assert tighter["num_samples"] == 4 and scores["nll"] - 10 < tighter["nll"] < scores["nll"]


def test_sample_is_repeated_by_its_seed(run, tmp_path, capsys):
    for name, seed in (("a", "3"), ("b.png", "3"), ("c.npy", "4")):
        assert cli.main(["sample", run, "--n", "5", "--seed", seed, "--to", str(tmp_path / name)]) == 0
    a, b, c = (np.load(tmp_path / f"{name}.npy") for name in "abc")
    assert a.shape == (5, 64) and a.dtype == np.int32 and 0 <= a.min() and a.max() <= 16
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    assert set(os.listdir(tmp_path)) == {f"{name}.{ending}" for name in "abc" for ending in ("npy", "png")}


def test_export_numbers_up(run, tmp_path, capsys):
    for version in ("1", "2"):
        assert cli.main(["export", run, "--to", str(tmp_path / "served"), "--server-files"]) == 0
        where, signatures, files = capsys.readouterr().out.splitlines()
        assert signatures.startswith("signatures  log_prob, sample, encode, decode, score, ")
        assert where.endswith(os.path.join("served", version))
        assert files == f"{tmp_path / 'models.config'} and compose.yaml: served"
    assert 'name: "served"' in (tmp_path / "models.config").read_text()


def test_a_resumed_run_with_nothing_left_stays_as_it_is(run, capsys):
    before = {path: path.stat().st_mtime_ns for path in pathlib.Path(run).rglob("*")}
    assert cli.main(["train", "RealNVP", "--out", run, "--resume", "--set", "num_layers=2", "--quiet"]) == 0
    assert "2 of 2 epochs are done" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in pathlib.Path(run).rglob("*")} == before


def test_resume_goes_on(run, capsys):
    assert cli.main(["train", "realnvp", "--out", run, "--resume", "--epochs", "3", "--quiet", "--no-export"]) == 0
    assert len(open(os.path.join(run, "log.csv")).read().splitlines()) == 4
    assert "run directory" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv, message",
    [
        (["train", "glowworm", "--data", "digits"], "Expected a model among"),
        (["train", "Real-NPV", "--data", "digits"], "got 'Real-NPV' (did you mean 'realnvp'?)"),
        (["list", "maff"], "got 'maff' (did you mean 'maf'?)"),
        (["train", "NICE", "--data", "moons", "--set", "num_layer=3"], "got 'num_layer' (did you mean 'num_layers'?)"),
        (["train", "maf", "--data", "moons", "--set", "num_layers=four"], "num_layers of maf to be of kind int | None"),
        (["train", "glow", "--data", "digits", "--set", "equalize=maybe"], "equalize of glow to be of kind bool; got"),
        (["train", "maf", "--data", "moons", "--set", "hidden_units=64,x"], "got [64, 'x']"),
        (
            ["train", "realnvp", "--data", "moons", "--set", "num_layers=0"],
            "num_layers to be a positive integer; got",
        ),
        (["train", "nice", "--data", "moons", "--set", "num_layers=-1"], "num_layers to be a positive integer; got"),
        (["train", "maf", "--data", "moons", "--set", "num_layers=0"], "num_layers to be a positive integer; got"),
        (["train", "realnvp"], "Expected --data NAME_OR_PATH; got none"),
        (["train", "realnvp", "--data", "digitz"], "digits"),
        (["train", "realnvp", "--data", "nowhere/there.npy"], "nowhere/there.npy"),
        (
            ["train", "realnvp", "--data", "digits", "--epochs", "-1"],
            "Expected epochs to be a positive integer; got -1",
        ),
        (["train", "realnvp", "--data", "digits", "--learning-rate", "nan"], "Expected learning_rate to be a positive"),
        (
            ["train", "realnvp", "--data", "digits", "--set", "num_layers"],
            "Expected --set NAME=VALUE; got 'num_layers'",
        ),
        (["train", "realnvp", "--data", "digits", "--set", "colour=red"], "'colour'"),
        (["train", "realnvp", "--resume"], "Expected --out DIR"),
        (["evaluate", "nowhere"], "Expected a run directory"),
        (["export", "nowhere"], "Expected a run directory"),
    ],
)
def test_errors_are_one_sentence_and_exit_code_2(argv, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(argv) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and error.startswith("tfp-flows: error: ") and "\n" not in error
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("options", [["--n", "0"], ["--n", "-2"], ["--temperature", "nan"], ["--temperature", "-1"]])
def test_bad_sample_options(run, options, capsys):
    before = set(os.listdir(run))
    assert cli.main(["sample", run, *options]) == 2
    assert capsys.readouterr().err.startswith("tfp-flows: error: Expected")
    assert set(os.listdir(run)) == before


def test_help_of_an_example_makes_no_environment(tmp_path):
    root = pathlib.Path(__file__).resolve().parents[2]
    env = {key: value for key, value in os.environ.items() if key != "TFP_FLOWS_ENTERED"}
    env["TFP_FLOWS_ENV"] = str(tmp_path / "env")
    for script in (*(root / "examples").glob("*.py"), root / "tests" / "run.py"):
        result = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, env=env)
        assert result.returncode == 0 and len(result.stdout) > 100, (script, result.stderr)
    assert not (tmp_path / "env").exists()


def test_a_process_of_its_own_says_it_without_a_traceback():
    result = ask("train", "realnvp", "--data", "no_such_data")
    assert result.returncode == 2 and "Traceback" not in result.stderr and len(result.stderr.strip().splitlines()) == 1
