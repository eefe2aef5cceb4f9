"""Recipes count steps and suit the size of the data; what is said goes before them."""

import numpy as np
import pytest

from tfp_flows import runs
from tfp_flows.catalog import MODELS
from tfp_flows.runs import training
from tfp_flows.runs.new_config import new_config
from tfp_flows.runs.recipe import recipe_for


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("num_events", [1, 40, 1297, 50_000, 3_000_000])
@pytest.mark.parametrize("event_shape", [(2,), (8,), (9,), (64,), (784,), (32, 32, 3)])
def test_steps_are_the_recipes_whatever_the_data(model, num_events, event_shape):
    recipe = recipe_for(model, num_events, event_shape)
    steps_per_epoch = max(num_events // recipe["batch_size"], 1)
    steps = recipe["epochs"] * steps_per_epoch
    # All of them, and at most an epoch more; or a hundred epochs.
    assert steps < recipe["steps"] + steps_per_epoch
    assert steps >= recipe["steps"] or recipe["epochs"] == 100
    assert 1 <= recipe["batch_size"] <= max(MODELS[model].recipe["batch_size"], 500)
    assert num_events < 160 or steps_per_epoch >= 10 and recipe["patience"] >= 10


def test_fewer_features_take_less():
    sizes = [recipe_for("maf", 50_000, (n,)) for n in (2, 8, 9, 64, 65)]
    assert [one["steps"] for one in sizes] == sorted(one["steps"] for one in sizes)
    # On the plane only the latents are others.
    plane = {**sizes[0]["arguments"]}
    assert plane.pop("base") == "mixture_256" and {**sizes[0], "arguments": plane} == sizes[1]
    assert sizes[2] == sizes[3] and sizes[1] != sizes[2]
    assert all(one["minutes"] < 2 for one in sizes[:4]) and sizes[4]["minutes"] is None
    # Arguments are those of vectors.
    small = recipe_for("maf", 50_000, (2, 2, 1))
    assert small["arguments"] == {} != sizes[0]["arguments"] and small["minutes"] == sizes[0]["minutes"]


def config_of(tmp_path, **options):
    path = tmp_path / "table.npy"
    np.save(path, np.random.default_rng(0).normal(size=(500, 5)).astype("float32"))
    return new_config("maf", str(path), **options)[0]


def test_what_is_said_goes_before(tmp_path):
    plain = MODELS["maf"].recipe
    mine = config_of(tmp_path, arguments=dict(hidden_units=[16], transform="affine"), batch_size=77, learning_rate=0.5)
    assert mine.arguments["hidden_units"] == [16] and mine.arguments["transform"] == "affine"
    assert mine.training.batch_size == 77 and mine.training.learning_rate == 0.5
    # The small model's rate is that of the small model.
    mine = config_of(tmp_path, arguments=dict(num_layers=4))
    assert mine.training.learning_rate == plain["learning_rate"] and "transform" not in mine.arguments
    recipe = config_of(tmp_path)
    assert recipe.training.learning_rate == plain["sizes"][0][1]["learning_rate"]
    assert recipe.arguments["hidden_units"] == MODELS["maf"].recipe["sizes"][0][1]["arguments"]["hidden_units"]
    assert recipe.training.optimizer["relative_clipnorm"] > 1 and recipe.training.warmup_steps > 0
    assert recipe.training.patience >= 10
    # Steps are counted: two batches to each are the step of one twice as large.
    two, one = config_of(tmp_path, batch_size=8, accumulate=2).training, config_of(tmp_path, batch_size=16).training
    assert (two.epochs, two.patience, two.batch_size, two.accumulate) == (one.epochs, one.patience, 8, 2)
    # Epochs that were asked for are all run, where nothing else is said.
    assert config_of(tmp_path, epochs=3).training.patience is None
    assert (
        config_of(tmp_path, epochs=3, patience=7).training.patience
        == config_of(tmp_path, patience=7).training.patience
        == 7
    )


@pytest.mark.parametrize("options, minutes", [({}, 1.3), (dict(epochs=2), None), (dict(minutes=3), 3)])
def test_the_minutes_of_a_recipe_are_those_of_a_run_of_which_nothing_is_said(options, minutes, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(training, "fit_run", lambda run, data, minutes, *rest: given.append((minutes, rest[-1])))
    runs.train("realnvp", "moons", tmp_path / "run", data_options=dict(num_train=200), **options)
    # Those that a user gives are used up; a recipe's only bound its steps.
    assert given == [(minutes, "minutes" in options)]
