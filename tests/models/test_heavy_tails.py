"""Heavy tails, skewed columns and outliers: with quantiles, or chosen automatically, every model is near the truth."""

from math import lgamma

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.checks import passes
from tfp_flows import bijectors, serving
from tfp_flows.models.blocks import bases

pytestmark = pytest.mark.usefixtures("untraced")

tfd = tfp.distributions

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


def test_a_base_with_heavy_tails_is_within_two_tenths_of_a_nat():
    """Of the data in standard units, none of whose columns is mapped: normal latents cannot follow them."""
    train, test = student_t(N), student_t(N)
    found = {}
    for base in ("student_t", "normal"):
        keras.utils.set_random_seed(0)
        flow = MODELS["maf"](base=base)
        flow.compile(tfp_flows.training.FusedAdam(5e-3, global_clipnorm=5.0))
        flow.fit(train, epochs=8, batch_size=100, verbose=0)
        found[base] = -np.mean(flow.log_prob(test)) - truth("student_t", test)
    assert found["student_t"] < 0.2 < found["normal"]


def test_degrees_of_freedom_are_learned():
    """Beginning at 10, of data of 2.5, through nothing but a scale."""
    x = RANDOM.standard_t(2.5, (N, 2))
    flow = tfp_flows.NICE((2,), num_layers=1, hidden_units=(2,), prior="student_t")
    degrees = flow.base.distribution.df
    np.testing.assert_allclose(degrees, 10.0, rtol=1e-5)
    flow.compile(tfp_flows.training.FusedAdam(5e-2))
    flow.fit(*passes(20, x), batch_size=300, verbose=0)
    np.testing.assert_allclose(degrees, 2.5, atol=0.5)
    # Twice as far from the centre, of which a t has no mean to tell it by where nu is below 1.
    cold, hot = flow.sample(99, seed=1).numpy(), flow.sample(99, seed=1, temperature=2.0).numpy()
    z, far = flow.encode(cold).numpy(), flow.encode(hot).numpy()
    np.testing.assert_allclose(far, 2 * z, rtol=1e-2, atol=1e-3)


def test_a_base_is_any_distribution(tmp_path):
    base = tfd.MultivariateNormalTriL(tf.Variable([1.0, -2.0]), [[1.0, 0.0], [0.5, 2.0]])
    flow = MODELS["realnvp"](base=base, actnorm=False)
    # Its networks give 0 at first, and nothing is standardised.
    x = np.asarray(base.sample(50, seed=1))
    np.testing.assert_allclose(flow.log_prob(x), base.log_prob(x), rtol=1e-4)
    assert any(weight.shape == (2,) and weight.numpy()[1] == -2.0 for weight in flow.trainable_variables)
    with pytest.raises(ValueError, match="Expected a named model .* got RealNVP, whose arguments hold more"):
        flow.save(tmp_path / "flow.keras")
    served = serving.load(serving.export(flow, tmp_path / "served", warmup=False))
    np.testing.assert_allclose(served.log_prob(x), base.log_prob(x), rtol=1e-4)


def test_a_mixture_has_modes_of_its_own():
    """Two clusters, by a base alone; no temperature scales it."""
    x = (RANDOM.choice([-3.0, 3.0], (2000, 1)) + 0.4 * RANDOM.normal(size=(2000, 2))).astype("float32")
    flow = tfp_flows.NICE((2,), num_layers=1, hidden_units=(2,), prior="mixture")
    flow.compile(tfp_flows.training.FusedAdam(3e-2))
    flow.fit(*passes(25, x), batch_size=200, verbose=0)
    truth = np.log(2) + 2 * (0.5 * np.log(2 * np.pi) + np.log(0.4) + 0.5)
    assert -np.mean(flow.log_prob(x)) - truth < 0.1
    with pytest.raises(ValueError, match="Expected temperature 1, for 'MixtureSameFamily' is no location-scale base"):
        flow.sample(2, temperature=0.5)


def test_many_narrow_ones_follow_a_thin_ring():
    """A base alone, which begins as an estimate of a density by kernels does, of a standard normal's breadth."""
    flow = tfp_flows.NICE((2,), num_layers=1, hidden_units=(2,), prior="mixture_81")
    parts = flow.distribution.distribution.components_distribution
    np.testing.assert_allclose(parts.stddev(), np.full((81, 2), 2 / 9), rtol=1e-5)
    np.testing.assert_allclose(np.std(parts.mean(), 0) ** 2 + (2 / 9) ** 2, [1, 1], atol=0.35)
    angle = RANDOM.uniform(0, 2 * np.pi, 4000)
    radius = 5 + 0.25 * RANDOM.normal(size=4000)
    x = (radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)).astype("float32")
    flow.compile(tfp_flows.training.FusedAdam(3e-2))
    flow.fit(*passes(25, x), batch_size=200, verbose=0)
    truth = np.log(2 * np.pi * 5 * 0.25) + 0.5 * np.log(2 * np.pi) + 0.5
    assert -np.mean(flow.log_prob(x)) - truth < 0.1
    # In many dimensions they are as wide as the normal is; eight of them stay what they were.
    assert float(bases.make("mixture_64", (20,), "float64").components_distribution.stddev()[0, 0]) == 1.0
    assert float(bases.make("mixture", (2,), "float64").components_distribution.stddev()[0, 0]) == 1.0


@pytest.mark.parametrize(
    "base, message",
    [
        ("mixture_0", "or a tfd.Distribution; got 'mixture_0'"),
        ("cauchy", r"Expected base to be one of \['normal', .*\] or a tfd.Distribution; got 'cauchy'"),
        (3, "or a tfd.Distribution; got 3"),
        (tfd.Normal(0.0, 1.0), r"Expected a base of event shape \(2,\) and no batch shape; got event shape \(\)"),
        (tfd.MultivariateNormalDiag(tf.zeros([5, 2])), r"got event shape \(2,\) and batch shape \(5,\)"),
        (tfd.MultivariateNormalDiag(tf.zeros([2], tf.float64)), "Expected a base of dtype float32; got float64"),
    ],
)
def test_bad_bases_are_refused(base, message):
    for model in ("maf", "realnvp"):
        with pytest.raises(ValueError, match=message):
            MODELS[model](base=base)
    with pytest.raises(ValueError, match=message.replace("base", "prior")):
        MODELS["nice"](prior=base)
