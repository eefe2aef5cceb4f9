"""The examples in cells: each is a notebook of less than 110 lines and does what it says, here in less time."""

import pathlib
import re

import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "examples" / "notebooks"
SOURCES = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.py"))}
CELL = re.compile(r"^# %%( \[markdown\]| tags=\[\"parameters\"\])?$", re.MULTILINE)

# name -> (parameters in place of its own, what is to hold of its names at the end)
REDUCED = {
    "anomaly_detection": (
        dict(layers=2, epochs=4),
        lambda n: n["found"]["noise"][0] > 0.99 and n["found"]["nothing"][1] > 0.6,
    ),
    "density_gallery": (
        dict(models=["nice"], toys=["moons"], minutes=0.02),
        lambda n: n["above"]["moons", "nice"][0] < 2 and pathlib.Path("gallery.png").is_file(),
    ),
    "distillation": (dict(layers=1, epochs=2, steps=60), lambda n: n["divergence"] < 1.5),
    "images_by_class": (dict(epochs=3, steps=1), lambda n: n["scores"]["bits_per_dim"] < 3.2 and n["accuracy"] > 0.25),
    "neutra": (
        dict(layers=1, steps=60, samples=30, burnin=30, chains=4),
        lambda n: np.isfinite([*n["found"].values()]).all(),
    ),
    "serving_client": (
        dict(layers=1, epochs=1),
        lambda n: n["difference"] < 1e-4 and n["refusal"].startswith("Expected x of shape"),
    ),
    "simulation_based_inference": (
        dict(num_simulations=800, num_layers=1, epochs=3, checks=30),
        lambda n: (
            np.abs(n["samples"].mean(0) - n["truth"][0]).max() < 0.5 and pathlib.Path("calibration.png").is_file()
        ),
    ),
    "table": (dict(layers=2, epochs=40), lambda n: n["gain"] > 0),
    "variational_inference": (
        dict(steps=300),
        lambda n: abs(n["evidence"].log_evidence - n["exact"]) < 5 * n["evidence"].standard_error + 1e-3,
    ),
    "your_own_parts": (
        dict(epochs=1),
        lambda n: n["round_trip"] < 1e-4 and n["error"] < 1e-4 and n["history"]["winsorized_nll"][-1] < 4,
    ),
}
# Of a strategy that no other test may have made: tests/flow/test_distribute.py runs it.
ELSEWHERE = {"several_devices"}


def cells(source):
    """(kind, lines) of each cell: what jupytext makes one of a notebook's of."""
    found = CELL.split(source)
    assert not found[0].strip(), "something stands before the first cell"
    return [((kind or "code").strip(), text.strip()) for kind, text in zip(found[1::2], found[2::2], strict=True)]


def run(name, **parameters):
    """What a notebook leaves, name -> value, with parameters in place of its own."""
    names = {"__name__": name}
    for kind, text in cells(SOURCES[name]):
        if kind != "[markdown]":
            exec(compile(text, name, "exec"), names)
        if kind.startswith("tags"):
            assert set(parameters) <= set(names), "it has no such parameter"
            names.update(parameters)
    return names


def test_every_one_is_run():
    assert set(SOURCES) == set(REDUCED) | ELSEWHERE


@pytest.mark.parametrize("name", SOURCES)
def test_it_opens_as_a_notebook_and_says_what_it_does(name):
    found = cells(SOURCES[name])
    assert len(SOURCES[name].splitlines()) < 110
    kind, text = found[0]
    assert kind == "[markdown]" and re.match(r"# # \S", text)
    assert re.search(rf"^# COMMAND   python examples/notebooks/{name}\.py$", text, re.MULTILINE)
    assert all(re.search(rf"^# {word} +\S", text, re.MULTILINE) for word in ("NEEDS", "EXPECTED", "TIME"))
    assert [kind for kind, _ in found].count('tags=["parameters"]') == 1
    for kind, text in found:
        if kind == "[markdown]":
            assert all(line.startswith("#") for line in text.splitlines())
        else:
            compile(text, name, "exec")


@pytest.mark.parametrize("name", REDUCED)
def test_it_does_what_it_says(name, tmp_path, monkeypatch):
    if name in ("anomaly_detection", "images_by_class", "simulation_based_inference", "table"):
        pytest.importorskip("sklearn", reason="the extra `data` is not installed")
    parameters, holds = REDUCED[name]
    monkeypatch.chdir(tmp_path)
    assert holds(run(name, **parameters))
