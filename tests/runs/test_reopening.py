"""A resumed run keeps to its record: what differs is refused, nothing left is nothing done, two at once are one."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tfp_flows import cli, locks, runs, training
from tfp_flows.runs import lock, reopening

CONFIG = dict(
    model="maf",
    arguments=dict(event_shape=[2], num_bins=None, seed=3, num_layers=2, hidden_units=[16, 8]),
    data="moons",
    data_options=dict(seed=3, num_train=500),
    training=dict(epochs=5, batch_size=100, learning_rate=0.01, optimizer={}, seed=3, patience=3),
)


def make(path, finished=0, val_nll=(), **options):
    """A run directory as a training leaves it, without weights that anybody reads."""
    run = runs.Run.create(path, {**CONFIG, "training": {**CONFIG["training"], **options}})
    if finished:
        (path / f"checkpoint-{finished:04d}.weights.h5").write_bytes(b"weights")
        (path / "best.weights.h5").write_bytes(b"weights")
        val_nll = list(val_nll) or [-float(i) for i in range(finished)]
        run.write_log({"loss": val_nll, "val_nll": val_nll, "seconds": [6.0] * finished})
    return run


@pytest.mark.parametrize("given", [
    {}, dict(model="MAF"), dict(data="moons"), dict(batch_size=100), dict(learning_rate=1e-2), dict(seed=3),
    dict(jit_compile="auto"), dict(arguments=dict(num_layers=2, hidden_units=(16, 8), actnorm=True, order=None)),
    dict(data_options=dict(num_train=500, num_test=10000, num_bits=None, seed=3)),
])  # fmt: skip
def test_what_is_as_it_was_is_taken(given, tmp_path):
    reopening.check(make(tmp_path / "run"), **given)


@pytest.mark.parametrize("given, message", [
    (dict(model="nice"), "Expected the run's own model 'maf' to resume; got 'nice'"),
    (dict(data="spirals"), "Expected data to be 'moons', as the run to resume has it; got 'spirals'"),
    (dict(data="moons.csv"), "Expected data to be 'moons', .*; got 'moons.csv'"),
    (dict(batch_size=64), "Expected batch_size to be 100, .*; got 64"),
    (dict(learning_rate=0.02), "Expected learning_rate to be 0.01, .*; got 0.02"),
    (dict(seed=0), "Expected seed to be 3, .*; got 0"),
    (dict(jit_compile=True), "Expected jit_compile to be 'auto', .*; got True"),
    (dict(arguments=dict(num_layers=2, hidden_units=[16])), r"Expected hidden_units to be \[16, 8\], .*; got \[16\]"),
    (dict(arguments=dict(actnorm=False)), "Expected actnorm to be True, .*; got False"),
    (dict(arguments=dict(preprocessing="quantiles")), "Expected preprocessing to be 'standard', .*; got 'quantiles'"),
    (dict(arguments=dict(num_layer=2)), "did you mean 'num_layers'"),
    (dict(data_options=dict(num_train=501)), "Expected num_train to be 500, .*; got 501"),
    (dict(data_options=dict(num_test=50)), "Expected num_test to be 10000, .*; got 50"),
    (dict(data_options=dict(num_tset=50)), "did you mean 'num_test'"),
    (dict(conditional=True), "Expected a class-conditional run to resume as one"),
])  # fmt: skip
def test_what_differs_is_refused(given, message, tmp_path):
    run = make(tmp_path / "run", 2)
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    with pytest.raises(ValueError, match=message):
        training.train(**{"model": None, "data": None, **given}, out=run.path, resume=True)
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


def test_the_data_of_a_run_are_a_file_however_its_path_is_written(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("1,2\n")
    run = runs.Run.create(tmp_path / "run", {**CONFIG, "data": str(tmp_path / "a.csv"), "data_options": {}})
    monkeypatch.chdir(tmp_path)
    reopening.check(run, data="./a.csv")
    with pytest.raises(ValueError, match="Expected data to be "):
        reopening.check(run, data="b.csv")


@pytest.mark.parametrize("finished, options, asked, said", [
    (0, {}, {}, None),
    (4, {}, {}, None),
    (5, {}, {}, "5 of 5 epochs are done"),
    (5, {}, dict(epochs=5), "5 of 5 epochs"),
    (5, {}, dict(epochs=2), "5 of 2 epochs"),
    (5, {}, dict(epochs=6), None),
    (5, {}, dict(minutes=1), None),
    (5, {}, dict(minutes=0.4), "0.5 of 0.4 minutes are used"),
    (3, {}, dict(minutes=0.5), None),
    (3, dict(minutes=0.1, num_steps=20), dict(minutes=0.1), None),
])  # fmt: skip
def test_it_is_known_where_nothing_is_left(finished, options, asked, said, tmp_path):
    found = reopening.nothing_left(make(tmp_path / "run", finished, **options), **asked)
    assert (found is None) == (said is None) and (said or "") in (found or "")


def test_the_steps_that_fitted_into_the_minutes_are_all(tmp_path):
    run = make(tmp_path / "run", 3, minutes=0.1, num_steps=20)
    for step, said in ((19, None), (20, "the 20 steps that fitted into the minutes are done")):
        run.write_log({"epoch": [1, 2, 2.5], "step": [8, 16, step], "seconds": [1.0] * 3})
        found = reopening.nothing_left(run)
        assert (said or "") in (found or "") and (found is None) == (said is None)
        assert reopening.nothing_left(run, epochs=3) is None


@pytest.mark.parametrize("scores, patience, said", [
    ([3, 1, 2, 2, 2], None, "no better validation score for 3 epochs"),
    ([3, 1, 2, 2, 2], 4, None), ([3, 2, 1, 2, 2], None, None), ([3, 2, 1, 2, 2], 2, "for 2 epochs"),
])  # fmt: skip
def test_patience_that_is_over_is_over_for_whoever_resumes(scores, patience, said, tmp_path, capsys):
    run = make(tmp_path / "run", 5, scores, epochs=50)
    found = reopening.nothing_left(run, patience=patience, score="nll")
    assert (found is None) == (said is None) and (said or "") in (found or "")
    if said:
        assert training.train(None, None, run.path, resume=True, patience=patience).checkpoint()[0] == 5
        assert capsys.readouterr().out == f"{found}\n"


def test_the_command_exports_no_new_version_where_nothing_is_left(tmp_path, capsys):
    run = make(tmp_path / "run", 5)
    (run.path / "metrics.json").write_text(json.dumps({"training": {"epochs": 5}}))
    (run.path / "samples.png").write_bytes(b"picture")
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    assert cli.main(["train", "maf", "--out", str(run.path), "--resume", "--data", "moons", "--seed", "3"]) == 0
    assert "5 of 5 epochs are done" in (said := capsys.readouterr().out) and "No new version is exported" in said
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


HOLDER = """
import sys, time
from tfp_flows.runs import lock
with lock.held(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(locks.fcntl is None, reason="no locks of folders on this system")
def test_a_second_training_of_a_run_is_refused_until_the_first_has_gone(tmp_path, capsys):
    run = make(tmp_path / "run", 2)
    before = sorted(os.listdir(run.path))
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, run.path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        sentence = "Expected a run that nothing else is training; got "
        with pytest.raises(ValueError, match=sentence):
            training.train(None, None, run.path, resume=True)
        assert cli.main(["train", "maf", "--out", str(run.path), "--resume"]) == 2
        assert sentence in capsys.readouterr().err
        holder.send_signal(signal.SIGKILL)
    finally:
        holder.kill()
        holder.wait()
    # Whoever is killed leaves nothing that would have to be cleared away.
    lock.check(run.path)
    assert sorted(os.listdir(run.path)) == before
