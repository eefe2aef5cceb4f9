"""What a dtype cannot hold is named before it is lost; what it can hold is let through."""

import numpy as np
import pytest

from tfp_flows import data
from tfp_flows.data import precision

RANDOM = np.random.default_rng(0)
HELD = {
    "standard": RANDOM.normal(size=2000),
    "a thousand deviations away": RANDOM.normal(-1e3, 1.0, 2000),
    "tiny": RANDOM.normal(1e-9, 1e-9, 2000),
    "years of seconds": RANDOM.uniform(1.1e9, 1.7e9, 2000),
    "heavy tails": RANDOM.standard_cauchy(2000),
    "log-normal": np.exp(5 * RANDOM.normal(size=2000)),
    "latitudes of a continent": RANDOM.uniform(35.0, 60.0, 2000),
}
LOST = {
    "an hour of seconds": RANDOM.uniform(1.61e9, 1.61e9 + 3600, 2000),
    "a day of milliseconds": RANDOM.uniform(1.61e12, 1.61e12 + 8.64e7, 2000),
    "northings of a field": RANDOM.normal(5.4e6, 20.0, 2000),
    "latitudes of a field": RANDOM.normal(48.8, 2e-4, 2000),
    "identifiers": RANDOM.integers(900_000_000, 900_020_000, 2000).astype(float),
    "a third of them zeros": np.where(RANDOM.random(2000) < 0.3, 0.0, RANDOM.uniform(1.6e9, 1.6e9 + 9e3, 2000)),
}  # fmt: skip


@pytest.mark.parametrize("name", HELD)
def test_what_float32_holds(name):
    precision.check(np.stack([HELD["standard"], HELD[name]], axis=1), "float32")


@pytest.mark.parametrize("name", LOST)
def test_what_it_does_not_hold_is_named_with_the_way_out(name):
    x = np.stack([HELD["standard"], HELD["tiny"], LOST[name]], axis=1)
    with pytest.raises(ValueError, match=r"that float32 can hold in x; got column 2 \(from 0\), .* dtype='float64'\.$"):
        precision.check(x, "float32")
    # Values that were rounded before are as lost to a wider dtype.
    with pytest.raises(ValueError, match="column 2"):
        precision.check(x.astype("float32"), "float64")
    precision.check(x, "float64")


def test_the_way_out_goes_from_a_file_to_the_events(tmp_path):
    x = np.stack([HELD["standard"], LOST["an hour of seconds"]], axis=1)
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(ValueError, match=r"x\.npy; got column 1 \(from 0\), around 1\.61e\+09"):
        data.load(tmp_path / "x.npy")
    assert data.load(tmp_path / "x.npy", dtype="float64").train.dtype == np.float64


@pytest.mark.parametrize("dtype, most", [("float32", 2**20), ("float64", 2**49)])
def test_levels_leave_digits_for_the_noise(dtype, most):
    precision.check_levels(most, dtype)
    assert np.dtype(dtype).type(most - 1) + np.dtype(dtype).type(1 / 16) > most - 1
    with pytest.raises(ValueError, match=f"Expected at most {most} levels in {dtype}"):
        precision.check_levels(most + 1, dtype)
