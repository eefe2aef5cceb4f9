"""Reduced bits: 8-bit images on fewer levels, by an option of the data that the command line knows."""

import json

import numpy as np
import pytest

from tests.data.test_data import sentence
from tfp_flows import cli, data
from tfp_flows.data import bits

RAMP = np.arange(256).astype(np.uint8)


@pytest.fixture
def path(tmp_path):
    """Images of 4 x 4 with all levels in them, and others at hand beside them."""
    random = np.random.default_rng(0)
    np.save(tmp_path / "images.npy", random.permuted(np.tile(RAMP, 10)).reshape(160, 4, 4, 1))
    np.save(tmp_path / "dark.npy", (RAMP % 100).reshape(64, 4))
    np.save(tmp_path / "floats.npy", random.normal(size=(64, 4)))
    return tmp_path / "images.npy"


@pytest.mark.parametrize("num_bits", [1, 5, 8])
def test_the_highest_bits_stay(num_bits, path):
    whole, reduced = data.load(path), data.load(path, num_bits=num_bits)
    assert (whole.num_bins, reduced.num_bins) == (256, 2**num_bits)
    for split in ("train", "validation", "test"):
        before, after = getattr(whole, split), getattr(reduced, split)
        np.testing.assert_array_equal(after, np.floor(before / 256 * 2**num_bits))
        assert after.dtype == before.dtype
    assert reduced.train.min() == 0 and reduced.train.max() == 2**num_bits - 1
    assert f"{num_bits} bits" in reduced.description and "bits" not in whole.description


def test_labels_and_name_stay():
    labels = {split: np.arange(4) for split in ("train", "validation", "test")}
    x = RAMP.reshape(4, 64)
    reduced = bits.reduce(data.Data("x", x, x, x, labels=labels, num_bins=256), 3)
    assert reduced.labels is labels and reduced.name == "x" and reduced.train.max() == 7


@pytest.mark.parametrize("num_bits", [0, 9, 5.0, "5", True])
def test_out_of_range(num_bits, path):
    with pytest.raises(ValueError) as error:
        data.load(path, num_bits=num_bits)
    assert f"Expected num_bits to be an integer in 1..8; got {num_bits!r}." == sentence(error)


def test_other_data_are_refused(path):
    for name, options, message in (
        ("moons", {}, "Expected 8-bit data, of 256 levels, to reduce moons by num_bits; got continuous data."),
        (path.with_name("floats.npy"), {}, "to reduce floats.npy by num_bits; got continuous data."),
        (path.with_name("dark.npy"), {}, "to reduce dark.npy by num_bits; got 128 levels."),
    ):
        with pytest.raises(ValueError) as error:
            data.load(name, num_bits=5, **options)
        assert message in sentence(error)
    # That the levels are 256 can be said where the file does not show it.
    assert data.load(path.with_name("dark.npy"), num_bits=5, num_bins=256).num_bins == 32


def test_command_line(path, tmp_path):
    out = tmp_path / "run"
    np.save(path, np.load(path).reshape(-1, 16))
    options = "--data-set num_bits=5 --epochs 1 --set num_layers=2 --set hidden_units=8,8 --picture-every 0 --no-export"
    assert cli.main(["train", "realnvp", "--data", str(path), "--out", str(out), "--quiet", *options.split()]) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["arguments"]["num_bins"] == 32 and config["data_options"]["num_bits"] == 5
    metrics = json.loads((out / "metrics.json").read_text())
    # Of the reduced data: 5 bits are what a uniform density has.
    assert 4.5 < metrics["bits_per_dim"] < 7
    assert metrics["bits_per_dim"] == pytest.approx(metrics["nll"] / 16 / np.log(2))
    assert cli.main(["sample", str(out), "--n", "20"]) == 0
    drawn = np.load(out / "samples-0-1.npy")
    assert drawn.shape == (20, 16) and 0 <= drawn.min() and 15 < drawn.max() <= 31
