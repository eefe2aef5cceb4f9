"""What savedmodels/ ships answers, and its cards' figures are those of the data."""

import json
import math
import pathlib

import numpy as np
import pytest

from tfp_flows import data, serving

SAVEDMODELS = pathlib.Path(__file__).resolve().parents[2] / "savedmodels"
CARDS = {path.parents[1].name: json.loads(path.read_text()) for path in sorted(SAVEDMODELS.glob("*/*/model_card.json"))}
# Of data that need nothing but this package and scikit-learn, and in one pass.
QUICK = [
    name for name in ("digits", "checkerboard-nsf", "spirals-maf", "checkerboard-gaussianization") if name in CARDS
]


@pytest.mark.parametrize("name", CARDS)
def test_each_has_a_figure_and_a_place_in_the_table(name):
    metrics, readme = CARDS[name]["metrics"], (SAVEDMODELS / "README.md").read_text()
    assert f"`{name}`" in readme
    figure = metrics.get("bits_per_dim", metrics["nll"])
    assert f"{figure:.2f}" in readme or f"{figure:.3f}" in readme
    size = sum(path.stat().st_size for path in (SAVEDMODELS / name).rglob("*") if path.is_file())
    assert size < 20e6


def test_they_are_small_together():
    assert sum(path.stat().st_size for path in SAVEDMODELS.rglob("*") if path.is_file()) < 90e6


@pytest.mark.parametrize("name", QUICK)
def test_the_figure_is_that_of_the_data(name):
    card, served = CARDS[name], serving.load(SAVEDMODELS / name)
    if card["data"] == "digits":
        pytest.importorskip("sklearn", reason="the extra `data` is not installed")
    x = data.load(card["data"]).test[:2000].astype("float32")
    if card["num_bins"]:
        x += np.random.default_rng(0).uniform(size=x.shape).astype("float32")
    nll = -served.log_prob(x)
    error = math.hypot(np.std(nll) / np.sqrt(len(x)), card["metrics"]["nll_standard_error"])
    assert abs(np.mean(nll) - card["metrics"]["nll"]) < 4 * error
