"""Run directories and recipes: what a training leaves, what a resumed one repeats, what is refused."""

import json
import math
import os

import numpy as np
import pytest

from tfp_flows import training
from tfp_flows.optimizers import FusedAdam, averaged
from tfp_flows.runs.config import Training
from tfp_flows.runs.fit_run import make_schedule
from tfp_flows.training import scoring

pytestmark = pytest.mark.usefixtures("untraced")

pytest.importorskip("sklearn", reason="the extra `data` is not installed")
SMALL = dict(arguments=dict(num_layers=2, hidden_units=[16], dropout=0.1), batch_size=64, picture_every=0, verbose=0)
# With averages of the weights beside them, which go through all that weights do.
SMALL["ema"] = 0.8
# In each step two batches, one after the other.
SMALL["accumulate"] = 2


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A RealNVP on the digits, three epochs."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    run = training.train("realnvp", "digits", out, epochs=3, **SMALL)
    training.finish(run)
    return run


def test_a_run_directory_holds_everything(run):
    names = set(os.listdir(run.path))
    assert names == {
        "config.json", "log.csv", "best.weights.h5", "checkpoint-0003.weights.h5", "metrics.json", "samples.png",
        "curve.png",
    }  # fmt: skip
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["bits_per_dim"] == pytest.approx(metrics["nll"] / (64 * math.log(2)))
    assert metrics["log_likelihood_unit_interval"] == pytest.approx(-metrics["nll"] + 64 * math.log(17))
    assert metrics["num_events"] == len(run.load_data().test) and metrics["training"]["epochs"] == 3
    log = run.read_log()
    assert len(log["nll"]) == 3 and log["nll"][2] < log["nll"][0]
    reopened = training.Run(run.path)
    assert reopened.config == run.config and "tensorflow" in reopened.config.versions


def test_the_best_weights_score_what_the_metrics_say(run):
    metrics = json.loads((run.path / "metrics.json").read_text())
    again = training.evaluate(run.load_model(), run.load_data())
    assert again["nll"] == pytest.approx(metrics["nll"], rel=1e-6)


def test_the_best_weights_are_the_moving_averages(run):
    model, best = run.build_model(), run.load_model()
    model.compile(FusedAdam(make_schedule(run.config.training, 30), use_ema=True, ema_momentum=0.8))
    model.load_weights(run.path / "checkpoint-0003.weights.h5")
    assert run.read_log()["val_nll"][2] == min(run.read_log()["val_nll"])
    trained = [weight.numpy() for weight in model.trainable_weights]
    with averaged(model):
        for weight, kept, last in zip(model.trainable_weights, best.trainable_weights, trained, strict=True):
            np.testing.assert_array_equal(weight, kept)
            assert not np.array_equal(weight, last)
    assert all(np.array_equal(weight, last) for weight, last in zip(model.trainable_weights, trained))
    # What was validated is what was kept.
    dataset = run.load_data()
    best.compile("adam")
    nll = best.evaluate(dataset.validation, batch_size=len(dataset.validation), verbose=0, return_dict=True)["nll"]
    assert run.read_log()["val_nll"][2] == pytest.approx(nll, rel=1e-5)


def test_resumed_run_ends_in_the_same_files(run, tmp_path):
    """Stopped within an epoch by time, and resumed to three: log, best and last weights as of the uninterrupted run."""
    first = training.train("realnvp", "digits", tmp_path / "r", epochs=3, minutes=1e-9, **SMALL)
    began = first.read_log()
    assert first.checkpoint()[0] == 1 and began["step"] == [1] and began["epoch"] == [0.1]
    assert first.load_model() is not None
    resumed = training.train(None, None, tmp_path / "r", resume=True, picture_every=0, verbose=0)
    log, whole = resumed.read_log(), run.read_log()
    assert log["epoch"] == whole["epoch"] == [1, 2, 3] and log["step"] == whole["step"] == [10, 20, 30]
    assert (resumed.path / "log.csv").read_text().splitlines()[1].startswith("1,10,")
    for key in ("nll", "val_nll", "loss"):
        assert log[key] == pytest.approx(whole[key], rel=1e-6) and log[key][1:] == whole[key][1:]
    assert log["val_nll"] == whole["val_nll"] and log["seconds"][0] > began["seconds"][0]
    for name in ("best.weights.h5", "checkpoint-0003.weights.h5"):
        a, b = run.build_model(), run.build_model()
        a.load_weights(run.path / name), b.load_weights(resumed.path / name)
        assert all(np.array_equal(v.numpy(), w.numpy()) for v, w in zip(a.weights, b.weights))


def test_patience_counts_over_the_log(tmp_path):
    # Rates so high that validation soon stops falling.
    run = training.train("realnvp", "moons", tmp_path / "r", epochs=50, patience=2, learning_rate=0.3,
                         data_options=dict(num_train=512, num_validation=200, num_test=200), **SMALL)  # fmt: skip
    scores = np.asarray(run.read_log()["val_nll"])
    assert len(scores) < 50 and len(scores) - 1 - int(np.argmin(scores)) == 2


def test_failed_writes_harm_nothing(run, tmp_path, monkeypatch):
    before = {name: (run.path / name).read_bytes() for name in os.listdir(run.path)}
    model = run.load_model()

    def half(path, *args, **kwargs):
        with open(path, "wb") as file:
            file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(model, "save_weights", half)
    for call in (lambda: run.save_best(model), lambda: run.save_checkpoint(model, 3)):
        with pytest.raises(OSError, match="disk full"):
            call()
    assert {name: (run.path / name).read_bytes() for name in os.listdir(run.path)} == before


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(model="glowworm"), "Expected a model among .* got 'glowworm'"),
        (dict(data="digitz"), "digits"),
        (dict(epochs=0), "Expected epochs to be a positive integer; got 0"),
        (dict(batch_size=-3), "Expected batch_size to be a positive integer; got -3"),
        (dict(learning_rate=float("nan")), "Expected learning_rate to be a positive finite number; got nan"),
        (dict(seed=-1), "seed"),
        (dict(minutes=float("nan")), "Expected minutes to be a positive finite number; got nan"),
        (dict(picture_every=-1), "Expected picture_every to be an integer of at least 0; got -1"),
        (dict(patience=0), "Expected patience to be a positive integer; got 0"),
        (dict(arguments=dict(colour="red")), "Expected arguments of realnvp among .* got 'colour'"),
    ],
)
def test_bad_options_leave_no_folder(options, message, tmp_path):
    asked = {"model": "realnvp", "data": "digits", "epochs": 1, "picture_every": 0, **options}
    with pytest.raises(ValueError, match=message):
        training.train(out=tmp_path / "r", **asked)
    assert not (tmp_path / "r").exists()


def test_bad_run_directories_are_refused(run, tmp_path):
    with pytest.raises(ValueError, match="Expected a run directory with a config.json"):
        training.Run(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text('{"model": "realn')
    with pytest.raises(ValueError, match="Expected a JSON file at .*config.json.*; got JSONDecodeError"):
        training.Run(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="Expected .*'arguments'.* in .*config.json"):
        training.Run(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(run.config.to_dict()))
    with pytest.raises(ValueError, match="Expected trained weights in"):
        training.Run(tmp_path).load_model()
    (tmp_path / "best.weights.h5").write_bytes(b"half")
    with pytest.raises(ValueError, match="Expected weights of this model in .*best.weights.h5"):
        training.Run(tmp_path).load_model()
    with pytest.raises(ValueError, match="Expected the run's own model 'realnvp' to resume; got 'nice'"):
        training.train("nice", None, run.path, resume=True)
    with pytest.raises(ValueError, match="Expected a new or empty folder"):
        training.train("realnvp", "digits", run.path)


def test_gaussian_baseline_is_the_exact_density():
    random = np.random.default_rng(0)
    factor = np.array([[1.0, 0.0], [0.8, 0.5]])
    train, test = random.normal(size=(200_000, 2)) @ factor.T, random.normal(size=(100_000, 2)) @ factor.T
    entropy = math.log(2 * math.pi * math.e) + math.log(0.5)
    assert scoring.gaussian_nll(train, test).mean() == pytest.approx(entropy, abs=0.01)


def test_gaussian_baseline_of_few_events_is_close_to_the_density():
    random = np.random.default_rng(0)
    stddevs = np.linspace(0.5, 2.0, 50)
    train, test = stddevs * random.normal(size=(40, 50)), stddevs * random.normal(size=(1000, 50))
    entropy = 0.5 * 50 * math.log(2 * math.pi * math.e) + np.log(stddevs).sum()
    assert entropy < scoring.gaussian_nll(train, test).mean() < entropy + 12


def test_the_learning_rate_rises_then_falls():
    """To its peak at the end of the warm-up, to 1 % of it at the end; without a warm-up it begins at the peak."""
    options = Training(learning_rate=0.01, warmup_steps=10)
    rate = make_schedule(options, num_steps=110)
    np.testing.assert_allclose([float(rate(k)) for k in (0, 5, 10, 110)], [0, 0.005, 0.01, 0.0001], rtol=1e-5)
    np.testing.assert_allclose(rate(60), 0.01 * (0.5 * 0.99 + 0.01), rtol=1e-5)
    rate = make_schedule(Training(learning_rate=0.01), num_steps=100)
    np.testing.assert_allclose([float(rate(k)) for k in (0, 100)], [0.01, 0.0001], rtol=1e-5)
    assert float(make_schedule(options, num_steps=4)(3)) > 0
