"""Tables as they come: what cannot be fitted is refused before training, whole numbers get the noise of their bins."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tests.checks import passes
from tfp_flows import cli, runs, serving
from tfp_flows.dequantization import IntegerColumns
from tfp_flows.training import scoring

pytestmark = pytest.mark.usefixtures("untraced")

RANDOM = np.random.default_rng(0)


def model(**options):
    keras.utils.set_random_seed(0)
    flow = tfp_flows.MAF((2,), num_layers=2, hidden_units=16, **options)
    flow.compile(tfp_flows.training.FusedAdam(1e-2))
    return flow


@pytest.mark.parametrize("kind", ["arrays", "data set"])
def test_what_cannot_be_fitted_is_named_before_training(kind):
    def given(x):
        return x if kind == "arrays" else tf.data.Dataset.from_tensor_slices(x).batch(50)

    reals = RANDOM.normal(size=300)
    for column, message in (
        (np.full(300, 4.0), r"Expected columns that vary in x, .* column 1 \(from 0\), always 4"),
        (1.5e9 + 600 * RANDOM.random(300), r"Expected columns that float32 can hold in x; got column 1 \(from 0\)"),
    ):
        flow = model()
        before = flow.get_weights()
        with pytest.raises(ValueError, match=message):
            flow.fit(given(np.stack([reals, column], axis=1)), verbose=0)
        for old, new in zip(before, flow.get_weights()):
            np.testing.assert_array_equal(old, new)
    flow = model()
    flow.column_titles = ["mass", "rooms"]
    with pytest.warns(UserWarning, match=r"Column 'rooms' of whole numbers: "):
        flow.fit(given(np.stack([reals, RANDOM.poisson(2.0, 300)], axis=1)), epochs=1, verbose=0)
    with pytest.raises(ValueError, match="Expected columns that vary in x, .* column 'mass', always 1"):
        flow = model()
        flow.column_titles = ["mass", "rooms"]
        flow.fit(given(np.stack([np.ones(300), reals], axis=1)), verbose=0)
    for titles in (["mass"], "ab", [1, 2]):
        with pytest.raises(ValueError, match=r"Expected column_titles, one for each of \(2,\); got "):
            flow.column_titles = titles
    with pytest.warns(UserWarning, match=r"Column 1 \(from 0\) of whole numbers: .* integer_columns=\(1,\)"):
        model().fit(given(np.stack([reals, RANDOM.poisson(2.0, 300)], axis=1)), epochs=1, verbose=0)


def test_in_float64_dates_come_back():
    x = np.stack([RANDOM.normal(size=600), 1.5e9 + RANDOM.normal(0.0, 100.0, 600)], axis=1)
    flow = model(dtype="float64")
    flow.fit(*passes(15, x), batch_size=50, verbose=0)
    exact = 0.5 * np.log(2 * np.pi * np.e) * 2 + np.log(100.0)
    assert abs(flow.evaluate(x, verbose=0, return_dict=True)["nll"] - exact) < 0.15
    drawn = flow.sample(2000, seed=0).numpy()[:, 1] - 1.5e9
    assert len(np.unique(drawn)) == 2000 and abs(drawn.std() - 100) < 10 and abs(drawn.mean()) < 15


def test_the_command_line_takes_dates_in_float64_and_whole_numbers_as_such(tmp_path, capsys):
    x = np.stack([1.5e9 + RANDOM.normal(0.0, 100.0, 300), RANDOM.poisson(2.0, 300)], axis=1)
    np.save(tmp_path / "dates.npy", x)
    train = ["train", "nice", "--data", str(tmp_path / "dates.npy"), "--out", str(tmp_path / "run"), "--quiet"]
    small = [
        "--epochs",
        "2",
        "--no-export",
        "--picture-every",
        "0",
        "--set",
        "num_layers=2",
        "--set",
        "hidden_units=8,",
    ]
    assert cli.main([*train, *small]) == 2
    assert "got column 0 (from 0), around 1.5e+09" in capsys.readouterr().err and not (tmp_path / "run").exists()
    assert cli.main([*train, *small, "--set", "dtype=float64"]) == 0
    run = runs.Run(tmp_path / "run")
    assert run.config.data_options["float_dtype"] == "float64" and run.config.arguments["integer_columns"] == [1]
    assert run.load_data().train.dtype == np.float64
    metrics = json.loads((run.path / "metrics.json").read_text())
    # A normal column and a Poisson one of the noise of its bins: the Gaussian is right in mixed units.
    exact = 0.5 * np.log(2 * np.pi * np.e) * 2 + np.log(100.0) + 0.5 * np.log(2.0)
    assert abs(metrics["gaussian"]["nll"] - exact) < 0.5


def test_counts_with_rare_huge_values_are_named_and_fitted_in_float64(tmp_path, capsys):
    x = RANDOM.poisson(3.0, (300, 2))
    x[RANDOM.integers(300, size=20), 1] = 5_000_000 + RANDOM.integers(100, size=20)
    np.save(tmp_path / "counts.npy", x)
    train = ["train", "maf", "--data", str(tmp_path / "counts.npy"), "--out", str(tmp_path / "run"), "--quiet"]
    small = [
        "--epochs",
        "1",
        "--no-export",
        "--picture-every",
        "0",
        "--set",
        "num_layers=1",
        "--set",
        "hidden_units=8,",
    ]
    assert cli.main([*train, *small]) == 2
    assert "got num_bins=8388608, for column 1 (from 0) goes up to 50000" in capsys.readouterr().err
    assert cli.main([*train, *small, "--set", "dtype=float64"]) == 0
    assert np.isfinite(json.loads((tmp_path / "run" / "metrics.json").read_text())["nll"])


def test_whole_numbers_among_reals_have_their_probability(tmp_path):
    """Beside a real that depends on them: the nll is the entropy of both, and no less."""
    counts = RANDOM.choice(3, 3000, p=[0.2, 0.5, 0.3])
    x = np.stack([counts, counts + 0.1 * RANDOM.normal(size=3000)], axis=1)
    flow = model(integer_columns=(0,), transform="spline", num_components=16)
    flow.fit(*passes(10, x), batch_size=100, verbose=0)
    entropy = -np.sum([p * np.log(p) for p in (0.2, 0.5, 0.3)]) + 0.5 * np.log(2 * np.pi * np.e) + np.log(0.1)
    nll = scoring.nll_per_event(flow, x).mean()
    assert -0.05 < nll - entropy < 0.35
    drawn = flow.dequantization.quantize(flow.sample(3000, seed=0)).numpy()
    assert (drawn[:, 0] == np.round(drawn[:, 0])).all()
    assert abs((drawn[:, 0] == 1).mean() - 0.5) < 0.1
    flow.save(tmp_path / "flow.keras")
    again = keras.models.load_model(tmp_path / "flow.keras")
    assert isinstance(again.dequantization, IntegerColumns) and again.get_config()["integer_columns"] == (0,)
    served = serving.load(serving.export(again, tmp_path / "served", warmup=False))
    np.testing.assert_allclose(served.log_prob(x[:5].astype("float32")), flow.log_prob(x[:5]), rtol=1e-4)


def test_the_noise_is_of_the_named_columns_alone_and_the_seeds():
    noise = IntegerColumns([2, 0], num_columns=3)
    x = tf.constant(RANDOM.integers(0, 9, (400, 3)), tf.float32)
    y, log_q = noise(x, seed=[1, 2])
    assert float(log_q) == 0.0 and noise.columns == (0, 2)
    np.testing.assert_array_equal(y[:, 1], x[:, 1])
    shift = (y - x).numpy()[:, [0, 2]]
    assert shift.min() >= -0.5 and shift.max() < 0.5 and abs(shift.std() - 12**-0.5) < 0.02
    np.testing.assert_array_equal(noise.quantize(y), x)
    np.testing.assert_array_equal(noise(x, seed=[1, 2])[0], y)
    assert np.any(noise(x, seed=[1, 3])[0] != y)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(integer_columns=(2,)), r"Expected integer_columns as different integers 0..1, .*; got \(2,\)"),
        (dict(integer_columns=()), r"Expected integer_columns as different integers 0..1, .*; got \(\)"),
        (dict(integer_columns=(0, 0)), r"different integers 0..1, .*; got \(0, 0\)"),
        (dict(integer_columns=(0.5,)), r"different integers 0..1"),
        (
            dict(integer_columns=(0,), num_bins=5),
            "Expected integer_columns with vectors of continuous data; got",
        ),
    ],
)
def test_bad_columns_are_refused(options, message):
    for kind in (tfp_flows.MAF, tfp_flows.NICE, tfp_flows.RealNVP):
        with pytest.raises(ValueError, match=message):
            kind((2,), **options)


def test_the_gaussian_is_right_in_mixed_units():
    """Its nats are those of standard units, and the logarithms of the units."""
    random = np.random.default_rng(1)
    mixing = random.normal(size=(4, 4))
    x = random.normal(size=(4000, 4)) @ mixing
    units = np.array([1e6, 1e-9, 1.0, 3e-4])
    expected = scoring.gaussian_nll(x[:3000], x[3000:])
    exact = 2 * np.log(2 * np.pi * np.e) + np.log(abs(np.linalg.det(mixing)))
    assert abs(expected.mean() - exact) < 0.15
    found = scoring.gaussian_nll(units * (x[:3000] + 7), units * (x[3000:] + 7))
    np.testing.assert_allclose(found - np.log(units).sum(), expected, rtol=1e-5)
    nearly = np.concatenate([x, x[:, :1] + 1e-5 * random.normal(size=(4000, 1))], axis=1)
    extra = 0.5 * np.log(2 * np.pi * np.e) + np.log(1e-5)
    assert abs(scoring.gaussian_nll(nearly[:3000], nearly[3000:]).mean() - expected.mean() - extra) < 0.1
