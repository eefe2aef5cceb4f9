"""Pictures show what they say: looked at by their pixels and axes, and nothing is written where they are refused."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.data.test_audio import RATE, recording
from tfp_flows import pictures, plots
from tfp_flows.pictures import Kind

pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
from matplotlib import image, pyplot  # noqa: E402


@pytest.mark.parametrize(
    "shape, kind, as_image",
    [
        ((28, 28, 3), Kind.IMAGE, (28, 28, 3)), ((4, 6, 1), Kind.IMAGE, (4, 6, 1)), ((4, 6), Kind.IMAGE, (4, 6, 1)),
        ((16,), Kind.IMAGE, (4, 4, 1)), ((9,), Kind.VECTORS, None), ((2,), Kind.POINTS, None),
        ((17,), Kind.VECTORS, None), ((1,), Kind.VECTORS, None), ((4, 4, 2), Kind.OTHER, None), ((), Kind.OTHER, None),
        ((2, 2, 2, 2), Kind.OTHER, None),
    ],
)  # fmt: skip
def test_an_event_is_of_one_kind(shape, kind, as_image):
    assert pictures.kind_of(shape) is kind and pictures.kind_of(shape, sample_rate=8000) is Kind.AUDIO
    events = np.random.default_rng(0).normal(size=(3, *shape))
    images = pictures.as_images(events)
    if as_image is None:
        assert images is None
    else:
        np.testing.assert_array_equal(images, events.reshape(3, *as_image))


def test_pictures_can_be_told_apart(tmp_path):
    random = np.random.default_rng(0)
    drawn = {}
    for name, events in {
        "images": random.integers(0, 17, (9, 64)), "dark": np.zeros((9, 64), int),
        "cloud": random.normal(size=(500, 2)),
        "vectors": random.normal(size=(50, 5)), "colour": random.random((4, 6, 6, 3)),
    }.items():  # fmt: skip
        path = pictures.samples(events, tmp_path / f"{name}.png", levels=17 if events.dtype == int else None)
        drawn[name] = image.imread(path)
    middle = {name: picture[200:600, 200:600, :3] for name, picture in drawn.items() if name in ("images", "dark")}
    assert middle["images"].mean() > middle["dark"].mean() + 0.2 and middle["dark"].min() == 0
    with pytest.raises(ValueError, match="Expected events of shape"):
        pictures.samples(np.zeros([0, 2]), tmp_path / "none.png")
    for events in (np.zeros([3, 4, 4, 2]), np.zeros([3, 2, 2, 2, 2])):
        with pytest.raises(ValueError, match="Expected images, points or vectors; got events of shape"):
            pictures.samples(events, tmp_path / "none.png")
    assert sorted(os.listdir(tmp_path)) == sorted(f"{name}.png" for name in drawn)


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 3), (16,)])
def test_rows_are_in_order_and_whole(shape, tmp_path):
    """Each row brighter than the one above, its name on the left, and a white edge on all sides: nothing is cut."""
    names = ["first", "second → of three", "third"]
    events = np.ones((3, 4, *shape)) * np.array([0, 8, 16]).reshape(3, 1, *[1] * len(shape))
    path = pictures.rows(
        events, names, tmp_path / "rows.png", levels=17, title="a title that is longer than it is wide " * 3
    )
    picture = image.imread(path)[..., :3]
    for edge in (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:]):
        assert edge.min() == 1
    grey = np.isclose(picture, 0.35, atol=0.01).all(-1)
    rows, columns = np.flatnonzero(grey.any(1)), np.flatnonzero(grey.mean(0) > 0.5)
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    for i, brightness in enumerate((0, 0.5, 1)):
        begin, end = (int(top + (bottom - top) * (i + x) / 3) for x in (0.2, 0.8))
        middle = picture[(begin + end) // 2, left + (right - left) // 8]
        np.testing.assert_allclose(middle, brightness, atol=0.02)
        assert picture[begin:end, :left].min() < 0.5, f"row {i} has its name"
    assert sorted(os.listdir(tmp_path)) == ["rows.png"]


@pytest.mark.parametrize(
    "events, names, message",
    [
        (np.zeros((2, 3, 8, 8, 1)), ["one"], "Expected one name for each of 2 rows; got 1"),
        (np.zeros((2, 0, 8, 8, 1)), ["a", "b"], r"Expected events of shape \(num_rows, num_columns, \*event_shape\)"),
        (np.zeros((2, 3, 5)), ["a", "b"], r"Expected images, or vectors of a square of at least 16; got events \(5,\)"),
    ],
)
def test_bad_rows_are_refused(events, names, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        pictures.rows(events, names, tmp_path / "rows.png")
    assert os.listdir(tmp_path) == []


def test_a_spectrogram_shows_a_tone_at_its_pitch(tmp_path):
    """The brightest row of the picture is where 1 kHz lies between 0 and 4 kHz."""
    tone = np.stack([recording(4000, 1000.0)])
    path = pictures.spectrograms(tone, RATE, str(tmp_path / "tone.png"), ["1 kHz"])
    pixels = image.imread(path)[..., :3]
    # Of the axes' inside: black and violet all over, light along one line.
    inside = pixels[int(0.25 * len(pixels)) : int(0.75 * len(pixels)), int(0.35 * pixels.shape[1])].sum(-1)
    bright = np.flatnonzero(inside > 2.0)
    assert 0 < len(bright) < 0.3 * len(inside)
    for bad, message in ((np.zeros([0, 5]), "Expected recordings of shape"), (np.zeros(5), "Expected recordings of")):
        with pytest.raises(ValueError, match=message):
            pictures.spectrograms(bad, RATE, str(tmp_path / "no.png"))
    with pytest.raises(ValueError, match="Expected one name for each of 1 recordings; got 2"):
        pictures.spectrograms(tone, RATE, str(tmp_path / "no.png"), ["a", "b"])


@pytest.fixture
def axes(monkeypatch):
    """The axes of the figures that are drawn, left as they are when they are written."""
    drawn = []
    monkeypatch.setattr(pyplot, "close", lambda figure: drawn.append(figure.axes[0]))
    yield drawn
    monkeypatch.undo()
    pyplot.close("all")


def lines(axes):
    return {line.get_label().split(":")[0]: line.get_ydata().tolist() for line in axes.lines}


NATS = {"nll": [3.0, 2.0, 1.5], "val_nll": [3.1, 2.2, float("nan")]}
BITS = {"bits_per_dim": [5.0, 4.0, 3.0], "val_bits_per_dim": [5.5, 4.5, 4.6]}


@pytest.mark.parametrize(
    "log, units, label, column",
    [
        (NATS, None, "nats per event", "nll"),
        ({**NATS, **BITS}, None, "bits per dimension", "bits_per_dim"),
        ({"loss": [1.0], "reverse_kl": [2.0]}, None, "reverse KL, nats per event", "reverse_kl"),
        ({"loss": [1.0, 2.0], "seconds": [1.0, 1.0], "error": [3.0, 2.0]}, None, "error", "error"),
        ({"loss": [1.0, 2.0], "seconds": [1.0, 1.0]}, None, "loss", "loss"),
        ({**NATS, "error": [3.0, 2.0, 1.0]}, {"error": "mean squared error"}, "mean squared error", "error"),
        (NATS, {"bits_per_dim": "bits", "nll": "nats"}, "nats", "nll"),
    ],
)
def test_a_curve_is_of_what_the_units_prefer(log, units, label, column, axes, tmp_path):
    assert pictures.curve(log, tmp_path / "curve.png", "a title", units) == str(tmp_path / "curve.png")
    shown = lines(axes[0])
    assert axes[0].get_ylabel() == label and axes[0].get_title() == "a title" and shown["training"] == log[column]
    if f"val_{column}" in log:
        assert str(shown["validation"]) == str(log[f"val_{column}"]) and shown["best"] == np.nanmin(
            log[f"val_{column}"]
        )
    else:
        assert set(shown) == {"training"}
    assert os.listdir(tmp_path) == ["curve.png"]


@pytest.mark.parametrize(
    "log, units, message",
    [
        ({}, None, r"Expected a log with at least one epoch of nll, reverse_kl or another loss; got \[\]"),
        ({"nll": []}, None, r"Expected a log with at least one epoch of nll, .*; got \['nll'\]"),
        (NATS, {"a": "1", "b": "1"}, r"Expected a log with at least one epoch of a or b; got \['nll', 'val_nll'\]"),
    ],
)
def test_a_curve_of_nothing_is_refused(log, units, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        pictures.curve(log, tmp_path / "none.png", units=units)
    assert os.listdir(tmp_path) == []


def test_the_former_name_is_the_same():
    assert {name: getattr(plots, name) for name in plots.__all__} == {
        name: getattr(pictures, name) for name in ("as_images", "curve", "rows", "samples", "spectrograms")
    }


def test_without_matplotlib_the_extra_is_named(tmp_path):
    code = """
import sys
sys.modules["matplotlib"] = None
from tfp_flows import pictures
assert pictures.kind_of((2,)) is pictures.Kind.POINTS
try:
    pictures.curve({"nll": [1.0]}, "curve.png")
except ImportError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.stdout.strip() == 'Expected matplotlib for pictures; got none: pip install "tfp_flows[plots]".'
    assert os.listdir(tmp_path) == []
