"""Labels from the command line on: a table with text in it is trained on, asked for by name and served by name."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import cli, data, pictures, runs
from tfp_flows.runs import labels
from tfp_flows.runs.config import Config
from tfp_flows.runs.new_config import new_config
from tfp_flows.training import draw_samples

WILD = "blue flag, wild"
MEANS = {"setosa": (4.0, 0.0), "versicolor": (-4.0, 1.0), WILD: (0.0, -5.0)}
TINY = ["--set", "num_layers=1", "--set", "hidden_units=8", "--batch-size", "16", "--picture-every", "0", "--quiet"]


def table(path, n=120, names=tuple(MEANS), seed=0):
    random = np.random.default_rng(seed)
    lines = [f'"{name}",{x:.3f},{y:.3f}' for name in names for x, y in MEANS[name] + random.normal(size=(n, 2))]
    path.write_text("\n".join(["species,width,length", *(lines[i] for i in random.permutation(len(lines)))]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("labels")


@pytest.fixture(scope="module")
def run(path):
    out = str(path / "run")
    csv = table(path / "flowers.csv")
    argv = ["train", "maf", "--data", csv, "--data-set", "label=species", "--conditional", "--out", out]
    assert cli.main([*argv, "--epochs", "8", "--learning-rate", "0.02", *TINY]) == 0
    return out


def test_the_config_and_the_card_keep_what_stands_for_the_classes(run):
    expected = {"values": sorted(MEANS), "names": None}
    config = runs.Run(run).config
    assert config.class_labels == expected and config.arguments["num_classes"] == 3
    assert runs.Run(run).load_model().class_labels == data.Labels(sorted(MEANS))
    assert json.loads((pathlib.Path(run) / "savedmodel/1/model_card.json").read_text())["class_labels"] == expected


def test_the_saved_model_scores_with_text(run, path):
    served = tf.saved_model.load(f"{run}/savedmodel/1").signatures["log_prob"]
    x = tf.constant([MEANS["setosa"], MEANS[WILD]], tf.float32)
    score = lambda *own: served(x=x, context=tf.constant(own))["log_prob"].numpy()  # noqa: E731
    assert (score("setosa", WILD) > score(WILD, "setosa") + 3).all()
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected context among .*setosa, .*; got rose."):
        score("setosa", "rose")


def test_samples_are_asked_for_by_name(run, path, monkeypatch):
    titles = []
    draw = pictures.corner
    monkeypatch.setattr(pictures, "corner", lambda *a: titles.append(a[-1]) or draw(*a))
    for i, (asked, names) in enumerate(
        [("setosa", ["setosa"]), ("versicolor,setosa", ["versicolor", "setosa"]), (WILD, [WILD])]
    ):
        to = path / f"s{i}"
        assert cli.main(["sample", run, "--label", asked, "--n", "100", "--to", str(to)]) == 0
        drawn, own = np.load(f"{to}.npy"), np.load(f"{to}-labels.npy")
        assert own.tolist() == list(np.repeat(names, 100)) and titles[-1] == ", ".join(names)
        for name in names:
            np.testing.assert_allclose(drawn[own == name].mean(0), MEANS[name], atol=1.5)
    assert cli.main(["sample", run, "--class", WILD, "--n", "2"]) == 0
    assert (pathlib.Path(run) / "samples-0-1-class-blue-flag-wild.npy").exists()


def test_a_name_that_is_none_is_refused_with_the_nearest(run, capsys):
    assert cli.main(["sample", run, "--label", "setoza"]) == 2
    said = capsys.readouterr().err
    assert "'blue flag, wild', 'setosa', 'versicolor'; got 'setoza' (did you mean 'setosa'?)" in said


def test_data_that_are_read_again_are_brought_to_the_run_s_classes(run, path, monkeypatch):
    model = runs.Run(run).load_model()
    order = {name: k for k, name in enumerate(sorted(MEANS))}
    fewer = data.load(table(path / "fewer.csv", 30, ("versicolor", "setosa")), label="species")
    assert fewer.class_labels.values == ("setosa", "versicolor")
    expected = [order[name] for name in fewer.class_labels.decode(fewer.labels["test"])]
    assert labels.context(model, fewer, "test").tolist() == expected
    monkeypatch.setitem(MEANS, "rose", (9.0, 9.0))
    more = data.load(table(path / "more.csv", 30, ("setosa", "rose")), label="species")
    with pytest.raises(ValueError, match="in the labels of test of more.csv; got 'rose'"):
        labels.context(model, more, "test")
    with pytest.raises(ValueError, match="in the labels of train of more.csv; got 'rose'"):
        labels.check(more, runs.Run(run).config)


def small(values, n=40, split=None):
    """A data set whose labels are a pattern of values."""
    x = np.zeros((n, 2), np.float32)
    own = {"train": np.resize(values, n), "validation": np.resize(values, n), "test": np.resize(values, n)}
    return data.Data("small", x, x, x, labels={**own, **(split or {})})


def test_what_the_classes_of_a_run_are():
    assert labels.of(small([1, 2, 5])).values == (1, 2, 5)
    assert labels.of(small(["b", "a"])).values == ("a", "b")
    # Where their number is given, integers are the classes themselves, seen or not.
    assert labels.of(small([1, 2, 5]), 8).values == tuple(range(8))
    assert labels.of(small([1, 2, 3]), 3).values == (1, 2, 3)
    for dataset, number, message in (
        (small([1, 2, 5]), 2, "num_classes of at least 3 for the labels of small, 1, 2, 5; got 2"),
        (small(["b", "a"]), 3, "num_classes to be 2 for the labels of small, 'a', 'b'; got 3"),
        (small(range(40)), None, "at most 20 classes for the 40 events of train in small.*; got 40 .* labels, 0..39"),
        (small(range(200, 400), 1000), None, "at most 100 classes for the 1000 .*; got 200 .*200, 201, .*200 in all"),
        (
            small(["a", "b"], split={"test": np.resize(["a", "c", "d"], 40)}), None,
            "the labels of test among those of train in small .*; got 'c', 'd', of 26 events, in test only",
        ),
        (small([1, 2], split={"validation": np.resize([1, 7], 40)}), None, "of validation .*; got 7, of 20 events"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            labels.of(dataset, number)


def test_runs_of_former_versions_keep_their_integers():
    """Their config says nothing of labels: the integers of the data were the classes, gaps and all."""
    dataset = small([1, 2, 5])
    former = dict(
        model="maf", arguments=dict(event_shape=[2], num_classes=6, num_layers=1, hidden_units=4), data="small",
        data_options={}, training={},
    )  # fmt: skip
    config = Config.from_dict(former)
    assert config.class_labels is None and dataset.labels["train"].max() == 2
    labels.check(dataset, config)
    model = runs.run.build_model("maf", config.arguments)
    assert labels.context(model, dataset, "test")[:3].tolist() == [1, 2, 5]
    with pytest.raises(ValueError, match="num_classes of at least 6 for the labels of small, 1, 2, 5; got 5"):
        labels.check(dataset, Config.from_dict({**former, "arguments": dict(num_classes=5)}))
    with pytest.raises(ValueError, match="Expected labels from 0 in small for a class-conditional model; got -3"):
        labels.check(small([-3, 1]), config)


@pytest.mark.parametrize("value", [{"values": "ab"}, {"names": []}, [1], {"values": [1, 1]}, {"values": [1, "a"]}])
def test_a_config_whose_labels_are_none_is_refused(value):
    with pytest.raises(ValueError, match="^Expected"):
        Config.from_dict(dict(model="maf", arguments={}, data="x", data_options={}, training={}, class_labels=value))


def test_integers_that_begin_elsewhere_are_asked_for_as_they_are(path, monkeypatch, capsys):
    """Large ones with gaps, of an .npz: a network for three of them, and rows of pictures that say which."""
    random = np.random.default_rng(0)
    own = np.array([10**6, -7, 250_000])[np.arange(90) % 3]
    np.savez(path / "pixels.npz", x=random.normal(size=(90, 16)), y=own)
    arguments = dict(num_layers=1, hidden_units=16)
    config, _ = new_config("maf", str(path / "pixels.npz"), conditional=True, arguments=arguments)
    assert config.arguments["num_classes"] == 3
    run = runs.Run.create(path / "pixels", config)
    run.save_best(run.build_model())
    names = []
    monkeypatch.setattr(pictures, "rows", lambda events, rows, *rest: names.append(rows))
    assert cli.main(["sample", str(run.path), "--class", "1000000,-7", "--n", "4", "--to", str(path / "p")]) == 0
    assert np.load(path / "p-labels.npy").tolist() == [10**6] * 4 + [-7] * 4
    assert cli.main(["sample", str(run.path), "--n", "4", "--temperatures", "0.5,1", "--to", str(path / "t")]) == 0
    assert np.load(path / "t-labels.npy").tolist() == [-7, 250_000, 10**6, -7] * 2
    draw_samples(run.load_model(), path / "d.png")
    assert names == [
        ["class 1000000", "class -7"],
        ["temperature 0.5", "temperature 1"],
        ["class -7", "class 250000", "class 1000000"],
    ]
    assert cli.main(["sample", str(run.path), "--class", "0"]) == 2
    assert "Expected classes of this run, -7, 250000, 1000000; got '0'" in capsys.readouterr().err
