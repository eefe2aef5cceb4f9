"""p(x given class) from the command line: learned from the labels, scored with them, drawn and served by class."""

import json
import os

import keras
import numpy as np
import pytest

import tfp_flows
from tfp_flows import cli, data, pictures, serving, training
from tfp_flows.runs import labels
from tfp_flows.training.stop_on_nan import find_culprit

pytestmark = pytest.mark.usefixtures("untraced")

pytest.importorskip("sklearn", reason="the extra `data` is not installed")
SMALL = ["--set", "num_levels=2", "--set", "num_steps=2", "--set", "hidden_channels=16", "--set", "alpha=1e-3"]


@pytest.fixture(scope="module")
def model(conditional_run):
    return training.Run(conditional_run).load_model()


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", flatten=False)


@pytest.fixture(scope="module")
def unconditional(tmp_path_factory, digits):
    """A run of a flow without classes, initialised and not trained."""
    config = dict(
        model="glow",
        arguments=dict(event_shape=[8, 8, 1], num_bins=17, num_levels=1, num_steps=1, hidden_channels=4),
        data="digits",
        data_options=dict(seed=0, flatten=False),
        training={},
    )
    run = training.Run.create(tmp_path_factory.mktemp("unconditional") / "run", config)
    flow = run.build_model()
    flow.initialize(digits.train)
    run.save_best(flow)
    return str(run.path)


def accuracy(events, classes, digits):
    """How many events lie nearest to the mean of their own class."""
    means = np.stack([digits.train[digits.labels["train"] == k].mean(0) for k in range(10)])
    distances = np.square(events[:, None] - means).sum((2, 3, 4))
    return (distances.argmin(1) == classes).mean()


def test_labels_are_learned_with_and_scored_with(conditional_run, model, digits, capsys):
    """Evaluation and validation are of each event's own class: of others the score is much worse."""
    config, log = (run := training.Run(conditional_run)).config, run.read_log()
    assert config.arguments["num_classes"] == 10 and len(log["nll"]) == 12
    assert cli.main(["evaluate", conditional_run, "--split", "validation"]) == 0
    scores = json.loads(capsys.readouterr().out)
    own = digits.labels["validation"]
    nll = training.nll_per_event(model, digits.validation, own)
    others = training.nll_per_event(model, digits.validation, (own + 1) % 10)
    assert scores["nll"] == pytest.approx(nll.mean(), rel=1e-6) and scores["num_classes"] == 10
    assert min(log["val_nll"]) == pytest.approx(nll.mean(), rel=0.02)
    assert nll.mean() < others.mean() - 5
    assert log["val_nll"][-1] < log["val_nll"][0] - 5


def test_samples_come_by_class(conditional_run, digits, tmp_path, capsys):
    assert (
        cli.main(["sample", conditional_run, "--n", "20", "--temperature", "0.7", "--to", str(tmp_path / "all")]) == 0
    )
    assert (
        cli.main(
            [
                "sample",
                conditional_run,
                "--n",
                "20",
                "--temperature",
                "0.7",
                "--class",
                "7,3",
                "--to",
                str(tmp_path / "some"),
            ]
        )
        == 0
    )
    every, some = np.load(tmp_path / "all.npy"), np.load(tmp_path / "some.npy")
    classes = np.load(tmp_path / "all-labels.npy")
    np.testing.assert_array_equal(classes, np.repeat(np.arange(10), 20))
    np.testing.assert_array_equal(np.load(tmp_path / "some-labels.npy"), [7] * 20 + [3] * 20)
    assert accuracy(every, classes, digits) > 0.6 > 0.3 > accuracy(every, (classes + 1) % 10, digits)
    # A class is the same whichever others are asked for, and no class repeats another's latents.
    np.testing.assert_array_equal(some, np.concatenate([every[classes == 7], every[classes == 3]]))
    assert sorted(os.listdir(tmp_path)) == sorted(
        f"{name}{end}" for name in ("all", "some") for end in (".npy", "-labels.npy", ".png")
    )


def test_several_temperatures_share_their_latents(conditional_run, model, tmp_path):
    to = str(tmp_path / "t")
    assert (
        cli.main(["sample", conditional_run, "--temperatures", "0,0.5,1", "--class", "4", "--n", "6", "--to", to]) == 0
    )
    events = np.load(f"{to}.npy").reshape(3, 6, 8, 8, 1)
    np.testing.assert_array_equal(np.load(f"{to}-temperatures.npy"), np.repeat([0, 0.5, 1], 6))
    np.testing.assert_array_equal(np.load(f"{to}-labels.npy"), [4] * 18)
    assert (events[0] == events[0, 0]).all() and events[1].std(0).mean() < events[2].std(0).mean()
    z = [np.asarray(model.encode(row, context=4)).ravel() for row in events[1:]]
    assert np.corrcoef(*z)[0, 1] > 0.5


def test_pictures_have_a_row_a_class(model, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(pictures, "rows", lambda events, names, *rest: drawn.update(events=events, names=names))
    training.draw_samples(model, tmp_path / "p.png")
    assert drawn["names"] == [f"class {k}" for k in range(10)]
    np.testing.assert_array_equal(drawn["events"], training.sample_classes(model, 10, range(10)))


def test_export_takes_labels(conditional_run, model, digits, tmp_path, capsys):
    assert cli.main(["export", conditional_run, "--to", str(tmp_path / "served")]) == 0
    served = serving.load(tmp_path / "served")
    x, own = digits.test[:5] + np.float32(0.5), digits.labels["test"][:5]
    np.testing.assert_allclose(served.log_prob(x, context=own), model.log_prob(x, context=own), rtol=1e-4)
    assert served.card["metrics"]["num_classes"] == 10


def test_the_marginal_sums_over_classes(model, digits):
    x, weights = digits.test[:20], np.bincount(digits.labels["train"])
    each = np.stack([-training.nll_per_event(model, x, np.full(20, k)) for k in range(10)])
    expected = -np.log((np.exp(each - each.max(0)) * (weights / weights.sum())[:, None]).sum(0)) - each.max(0)
    np.testing.assert_allclose(training.marginal_nll(model, x, weights), expected, rtol=1e-9)
    np.testing.assert_allclose(training.marginal_nll(model, x, np.eye(10)[3]), -each[3], rtol=1e-9)
    for bad in (weights[:9], -weights, np.zeros(10), np.full(10, np.nan)):
        with pytest.raises(ValueError, match="Expected 10 class weights of at least 0; got"):
            training.marginal_nll(model, x, bad)


def test_callbacks_know_of_contexts(model, digits):
    x, own = digits.test[:16], digits.labels["test"][:16]
    assert find_culprit(model, x, own).startswith("everything is finite")
    errors = training.invertibility_errors(model, x, own)
    assert max(errors.values()) < 1e-3
    flow = tfp_flows.Glow((8, 8, 1), num_bins=17, num_levels=1, num_steps=1, hidden_channels=4, num_classes=10)
    flow.compile(keras.optimizers.SGD(1e-3))
    with pytest.raises(ValueError, match="Expected a context, for the flow is conditional; got none"):
        flow.fit(x, own, callbacks=[training.StopOnNaN(x)], verbose=0)
    flow.initialize(x, own)
    for weight in flow.trainable_variables:
        weight.assign(weight + 1e30)
    assert "of bijector" in find_culprit(flow, x, own)


@pytest.mark.parametrize(
    "context, message",
    [
        (None, "Expected a context, for the flow is conditional; got none"),
        ([0] * 5, "Expected one context for each of 20 events; got 5"),
        ([10] * 20, "Expected class labels as integers 0..9, one an event; got 10"),
    ],
)
def test_bad_contexts_are_not_scored(context, message, model, digits):
    with pytest.raises(ValueError, match=message):
        training.nll_per_event(model, digits.test[:20], context)


def test_as_many_contexts_as_events(model, digits):
    for ask in (lambda: model.sample(5, context=[0, 1, 2]), lambda: model.log_prob(digits.test[:5], [0, 1, 2])):
        with pytest.raises(ValueError, match="Expected one context for each of 5 events; got 3"):
            ask()
    vectors = tfp_flows.MAF((3,), num_layers=1, hidden_units=8, context_shape=(2,))
    with pytest.raises(ValueError, match="Expected one context for each of 5 events; got 3"):
        vectors.log_prob(np.zeros([5, 3], "float32"), context=np.zeros([3, 2], "float32"))


@pytest.mark.parametrize(
    "argv, message",
    [
        (
            ["maf", "--data", "moons", "--conditional"],
            "Expected data with labels for a class-conditional model; got moons",
        ),
        (
            ["glow", "--data", "digits", "--set", "num_classes=5", *SMALL],
            "Expected num_classes of at least 10 for the labels of digits, 0..9; got 5",
        ),
        (["glow", "--data", "negative.npz", "--conditional"], "Expected at most 12 classes for the 24 events of train"),
    ],
)
def test_what_cannot_be_conditional_is_refused(argv, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("negative.npz", x=np.zeros((30, 8, 8, 1), "uint8"), y=np.arange(30) - 1)
    assert cli.main(["train", *argv]) == 2
    assert message in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["negative.npz"]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--class", "10"], "Expected classes of this run, 0..9; got '10'"),
        (["--classes", "3,-1"], "Expected classes of this run, 0..9; got '-1'"),
        (["--class", "three"], "Expected classes of this run, 0..9; got 'three'"),
        (["--temperatures", "1,x"], "Expected --temperature to be a number, or several"),
        (["--temperatures", "1,-1"], "Expected --temperature to be a finite number of at least 0; got -1"),
        (["--n", "0"], "Expected --n to be a positive integer; got 0"),
    ],
)
def test_bad_sample_options_write_nothing(options, message, conditional_run, capsys):
    before = sorted(os.listdir(conditional_run))
    assert cli.main(["sample", conditional_run, *options]) == 2
    assert message in capsys.readouterr().err
    assert sorted(os.listdir(conditional_run)) == before


def test_classes_are_refused_by_a_run_without(unconditional, tmp_path, capsys):
    assert cli.main(["sample", unconditional, "--class", "3"]) == 2
    assert "Expected --class with a conditional run only" in capsys.readouterr().err
    assert cli.main(["train", "glow", "--out", unconditional, "--resume", "--conditional"]) == 2
    assert "Expected a class-conditional run to resume as one" in capsys.readouterr().err
    assert cli.main(["sample", unconditional, "--n", "4", "--to", str(tmp_path / "s")]) == 0
    assert sorted(os.listdir(tmp_path)) == ["s.npy", "s.png"]


def test_labels_of_any_integer_type_will_do(model, digits):
    small = {split: values.astype("uint8") for split, values in digits.labels.items()}
    dataset = data.Data("small", digits.train, digits.validation, digits.test, labels=small, num_bins=17)
    context = labels.context(model, dataset, "test")
    assert context.dtype == np.int32 and np.array_equal(context, digits.labels["test"])
