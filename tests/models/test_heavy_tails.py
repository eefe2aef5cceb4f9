"""Heavy tails, skewed columns and outliers: with quantiles, or chosen automatically, every model is near the truth."""

from math import lgamma

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_flows
from tfp_flows import bijectors, serving

pytestmark = pytest.mark.usefixtures("untraced")

RANDOM = np.random.default_rng(0)
N = 3000


def student_t(n):
    """Two columns, 2.5 degrees of freedom, of which one is given the other."""
    x = RANDOM.standard_t(2.5, (n, 2))
    return x @ np.array([[1.0, 0.6], [0.0, 5.0]])


def log_normal(n):
    z = RANDOM.normal(size=(n, 2)) @ np.array([[1.8, 0.5], [0.0, 1.0]])
    return np.exp(z)


def log_density_of_t(x, df=2.5):
    norm = lgamma((df + 1) / 2) - lgamma(df / 2) - 0.5 * np.log(df * np.pi)
    return norm - (df + 1) / 2 * np.log1p(x**2 / df)


def truth(name, x):
    """Mean of -log p of these very events, nats."""
    if name == "log_normal":
        z = np.log(x) @ np.linalg.inv(np.array([[1.8, 0.5], [0.0, 1.0]]))
        return (0.5 * z**2 + 0.5 * np.log(2 * np.pi) + np.log(x)).sum(1).mean() + np.log(1.8)
    z = x @ np.linalg.inv(np.array([[1.0, 0.6], [0.0, 5.0]]))
    return -log_density_of_t(z).sum(1).mean() + np.log(5.0)


MODELS = {
    "realnvp": lambda **options: tfp_flows.RealNVP((2,), num_layers=4, hidden_units=(32,), **options),
    "maf": lambda **options: tfp_flows.MAF((2,), num_layers=2, hidden_units=32, **options),
    "nice": lambda **options: tfp_flows.NICE((2,), num_layers=4, hidden_units=(32,), **options),
}


@pytest.mark.parametrize("model, name, kind", [
    ("maf", "student_t", "auto"), ("maf", "log_normal", "quantiles"), ("realnvp", "student_t", "quantiles"),
    ("nice", "log_normal", "auto"),
])  # fmt: skip
def test_within_two_tenths_of_a_nat(model, name, kind, tmp_path):
    make = {"student_t": student_t, "log_normal": log_normal}[name]
    train, test = make(N), make(N)
    keras.utils.set_random_seed(0)
    flow = MODELS[model](preprocessing=kind)
    flow.compile(tfp_flows.training.FusedAdam(5e-3, global_clipnorm=5.0))
    flow.fit(train, epochs=8, batch_size=100, verbose=0)
    quantiles = flow.distribution.bijector.bijectors[1]
    np.testing.assert_array_equal(quantiles.is_mapped, [1, 1])
    log_prob = flow.log_prob(test)
    assert np.isfinite(log_prob).all()
    assert -np.mean(log_prob) - truth(name, test) < 0.2
    drawn = flow.sample(N, seed=0).numpy()
    for share in (0.05, 0.5, 0.95):
        found = (drawn < np.quantile(test, share, axis=0)).mean(0)
        np.testing.assert_allclose(found, share, atol=0.06)
    assert np.isfinite(flow.sample(500, seed=0, temperature=5.0)).all()
    if model == "maf" and kind == "auto":
        flow.save(tmp_path / "flow.keras")
        again = keras.models.load_model(tmp_path / "flow.keras")
        np.testing.assert_array_equal(again.log_prob(test), log_prob)
        served = serving.load(serving.export(flow, tmp_path / "served", warmup=False))
        np.testing.assert_allclose(served.log_prob(test[:9].astype("float32")), flow.log_prob(test[:9]), rtol=1e-4)


def test_only_the_columns_that_gain_are_chosen():
    x = np.stack(
        [RANDOM.normal(size=N), RANDOM.standard_t(2, N), RANDOM.choice([0.0, 1.0], N), RANDOM.random(N)], axis=1
    )
    quantiles = bijectors.QuantileMap(4, is_chosen=True, dtype="float64")
    quantiles.measure(x)
    np.testing.assert_array_equal(quantiles.is_mapped, [0, 1, 0, 1])
    z = quantiles.inverse(tf.constant(x)).numpy()
    np.testing.assert_array_equal(z[:, [0, 2]], x[:, [0, 2]])
    assert abs(z[:, 1].std() - 1) < 0.05 and abs(z[:, 3].std() - 1) < 0.05
    every = bijectors.QuantileMap(4, dtype="float64")
    every.measure(x)
    # Of two values there are no quantiles.
    np.testing.assert_array_equal(every.is_mapped, [1, 1, 0, 1])


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-3), ("float64", 1e-9)])
@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e12])
def test_far_tails_come_back(dtype, tolerance, unit):
    """Far beyond the data, and between them, as exactly as the dtype can; the density is that of the map's slope."""
    x = unit * np.stack([RANDOM.standard_cauchy(N), np.exp(3 * RANDOM.normal(size=N))], axis=1)
    quantiles = bijectors.QuantileMap(2, dtype=dtype)
    quantiles.measure(x)
    far = unit * np.array([[1e9, 1e7], [-1e9, 1e-6], [0.3, -2.0], [50.0, 4.0]])
    y = tf.constant(np.concatenate([far, x[:100]]), dtype)
    z, log_det = quantiles.inverse(y), quantiles.inverse_log_det_jacobian(tf.identity(y), event_ndims=1)
    assert np.abs(z).max() < 100
    scale = np.abs(y) + unit
    np.testing.assert_allclose(quantiles.forward(tf.identity(z)) / scale, y / scale, atol=tolerance)
    if dtype == "float64":
        step = 1e-6 * scale
        slopes = (quantiles.inverse(y + step) - quantiles.inverse(y - step)) / (2 * step)
        np.testing.assert_allclose(np.log(slopes).sum(1), log_det, atol=1e-3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            dict(event_shape=(2,), preprocessing="ranks"),
            r"Expected preprocessing to be one of \['standard', .*; got 'ranks'",
        ),
        (
            dict(event_shape=(2,), preprocessing="auto", num_bins=4),
            "with vectors of continuous data; got it with num_bins=4",
        ),
        (dict(event_shape=(4, 4, 1), preprocessing="quantiles"), r"got it with event_shape=\(4, 4, 1\)"),
    ],
)
def test_bad_preprocessing_is_refused(arguments, message):
    for kind in (tfp_flows.RealNVP, tfp_flows.MAF):
        with pytest.raises(ValueError, match=message):
            kind(**arguments)
