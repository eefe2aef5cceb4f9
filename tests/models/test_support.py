"""Outside its support every model says -inf, never NaN, and changes no other event; inside, all is as it was."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows
from tests.models.cases import CASES, build, events
from tfp_flows import bijectors, masks, networks, serving, transforms

pytestmark = pytest.mark.usefixtures("untraced")

tfb, tfd = tfp.bijectors, tfp.distributions


def coupled(*parts):
    """Two reals through couplings behind the given parts: what a layer is handed there may be NaN or infinite."""
    spline = transforms.RationalQuadraticSpline(3)
    couplings = [
        bijectors.Coupling(mask, networks.MLP(spline.num_params, (8,), output_initializer="random_normal"), spline)
        for mask in masks.alternating(masks.half(2), 2)
    ]
    base = tfd.Independent(tfd.Normal(tf.zeros([2]), 1.0), 1)
    return tfp_flows.Flow(tfd.TransformedDistribution(base, bijectors.Chain([*parts, *couplings])))


def uniform_base():
    base = tfd.Independent(tfd.Uniform(tf.zeros([2]), 1.0), 1)
    return tfp_flows.Flow(tfd.TransformedDistribution(base, tfb.Scale(tf.Variable([2.0, 2.0]))))


def variational():
    return tfp_flows.Glow((4, 4, 1), 17, dequantization="variational", num_levels=1, num_steps=1, hidden_channels=4)


# name -> model of continuous data, a value that has a density, and values at or beyond the bounds, or neither.
BOUNDED = {
    "logit": (lambda: coupled(bijectors.Logit(-1.0, 3.0, alpha=0.05)), 0.5, (-1.3, 3.3, 1e30)),
    "sigmoid": (lambda: coupled(bijectors.Sigmoid()), 0.5, (0.0, 1.0, -0.1, 1.1, 7.0)),
    "tfb_sigmoid": (lambda: coupled(tfb.Sigmoid()), 0.5, (-0.1, 1.1, -3.0, 1e30)),
    "tfb_exp": (lambda: coupled(tfb.Exp()), 0.5, (-1e-3, -4.0)),
    "tfb_softplus": (lambda: coupled(tfb.Softplus()), 0.5, (-1e-3, -4.0)),
    "uniform_base": (uniform_base, 0.5, (-0.1, 2.1, 9.0)),
}
INTEGERS = {
    **{name: lambda name=name: build(name) for name, case in CASES.items() if case.num_bins},
    "centred_equalized": lambda: tfp_flows.MAF((4,), 17, num_layers=1, hidden_units=8, alpha=None, equalize=True),
    "probit": lambda: tfp_flows.IAF((4,), 17, num_layers=1, hidden_units=8, edges=(0, 1, 17), dtype="float64"),
    "wavenet_of_integers": lambda: tfp_flows.WaveNet(
        (6,), 17, num_layers=1, dilations=(1, 2), hidden_channels=3, skip_channels=3
    ),
    "parallel_wavenet_of_integers": lambda: tfp_flows.ParallelWaveNet(
        (6,), 17, num_layers=1, dilations=(1, 2), hidden_channels=3, skip_channels=3
    ),
    "variational": variational,
}


def inside(model, n=3):
    """Events with a density and their context, none, labels or vectors."""
    x = np.random.default_rng(0).uniform(0.0, 16.999, (n, *model.event_shape)).astype(model.dtype)
    x.flat[0] = 0.0
    if not model.takes_context:
        return x, None
    if model.num_classes:
        return x, np.arange(n) % 2
    return x, np.random.default_rng(1).normal(size=(n, *model.known_context_shape)).astype(model.dtype)


def check(log_prob, x, context, values):
    """Each value, at the place of one element of an event of its own, empties that event; others stay to the bit."""
    n = 2 * len(values) + 1
    x, context = (
        np.resize(x, (n, *x.shape[1:])),
        None if context is None else np.resize(context, (n, *context.shape[1:])),
    )
    expected = np.asarray(log_prob(x, context))
    assert np.isfinite(expected).all()
    changed, rows = x.copy(), np.arange(1, n, 2)
    changed.reshape(n, -1)[rows, 1] = values
    found = np.asarray(log_prob(changed, context))
    assert (found[rows] == -np.inf).all(), f"{found[rows]} at {values}"
    np.testing.assert_array_equal(np.delete(found, rows), np.delete(expected, rows))


OUTSIDE = (-1e-3, -1.0, 17.0, 17.4, 40.0, 1e30)


@pytest.mark.parametrize("name", INTEGERS)
def test_a_pixel_outside_its_bins_has_no_density(name):
    model = INTEGERS[name]()
    x, context = inside(model)
    check(model.log_prob, x, context, OUTSIDE)
    check(lambda x, c: model(tf.constant(x), None if c is None else tf.constant(c)), x, context, OUTSIDE)
    if context is None:
        check(lambda x, _: model.predict(x, verbose=0), x, context, OUTSIDE[1:3])
    # In its bins the density is the distribution's own.
    options = model.options(None if context is None else tf.constant(context))
    own = model.distribution.log_prob(tf.constant(x), **options)
    np.testing.assert_allclose(model.log_prob(x, context), own, rtol=1e-5)


@pytest.mark.parametrize("name", BOUNDED)
def test_a_value_at_its_bound_or_beyond_has_no_density(name):
    make, value, outside = BOUNDED[name]
    model = make()
    x = np.full([3, 2], value, "float32")
    check(lambda x, _: model.log_prob(x), x, None, outside)
    check(lambda x, _: model.predict(x, verbose=0), x, None, outside[:1])
    check(lambda x, _: model(tf.constant(x)), x, None, outside)
    model.compile("adam")
    x[1, 1] = outside[0]
    assert model.evaluate(x, verbose=0, return_dict=True)["nll"] == np.inf


@pytest.mark.parametrize("dtype, num_bins", [("uint8", 256), ("uint16", 65536), ("int8", 128), ("int32", 300)])
def test_all_levels_of_an_integer_dtype_are_inside(dtype, num_bins):
    """256 levels are none in uint8, whose largest number is 255."""
    model = tfp_flows.MAF((2,), num_bins, num_layers=1, hidden_units=4)
    model.compile("adam")
    x = np.array([[0, num_bins - 1], [num_bins // 2, 1]], dtype)
    logs = model.evaluate(x, verbose=0, return_dict=True)
    assert np.isfinite(logs["nll"])
    np.testing.assert_allclose(model(tf.constant(x)), model.log_prob(x), rtol=1e-5)
    np.testing.assert_allclose(model.predict(x, verbose=0), model.log_prob(x), rtol=1e-5)


@pytest.mark.parametrize("name", ["maf_image", "glow_by_class", "probit", "sigmoid"])
def test_it_is_served_so(name, tmp_path):
    is_bounded = name in BOUNDED
    model = BOUNDED[name][0]() if is_bounded else INTEGERS[name]()
    x, context = (np.full([3, 2], 0.5, "float32"), None) if is_bounded else inside(model)
    serving.export(model, tmp_path)
    served = serving.load(tmp_path)
    values = BOUNDED[name][2] if is_bounded else OUTSIDE
    context = None if context is None else context.astype("int32")
    check(lambda x, c: served.log_prob(x, context=c), x.astype("float32"), context, values)


@pytest.mark.parametrize("name", ["nice", "maf_image", "logit", "sigmoid"])
def test_gradients_are_those_of_the_events_inside(name):
    is_bounded = name in BOUNDED
    model = BOUNDED[name][0]() if is_bounded else INTEGERS[name]()
    x = np.full([3, 2], 0.5, "float32") if is_bounded else inside(model)[0]
    weights = [w.value for w in model.trainable_variables]

    def gradients(x):
        with tf.GradientTape() as tape:
            values = model.log_prob(x)
            loss = tf.reduce_sum(tf.where(tf.math.is_inf(values), tf.zeros_like(values), values))
        return [np.asarray(tf.convert_to_tensor(g)) for g in tape.gradient(loss, weights)]

    expected = gradients(x[:2])
    assert all(np.isfinite(g).all() for g in expected) and any(np.abs(g).max() > 0 for g in expected)
    if not is_bounded:
        x[2].flat[0] = 1e3
        for found, wanted in zip(gradients(x), expected):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_what_is_no_number_stays_so():
    model = coupled(bijectors.Logit(-1.0, 3.0))
    traced = tf.function(lambda x: model.log_prob(x))
    x = tf.constant([[0.5, np.nan], [9.0, 0.5], [0.5, 0.5]])
    found = traced(x).numpy()
    assert np.isnan(found[0]) and found[1] == -np.inf and np.isfinite(found[2])
    weight = next(w for w in model.trainable_variables if "kernel" in w.path)
    weight.assign(np.full(weight.shape, np.nan))
    assert np.isnan(model.log_prob(np.full([2, 2], 0.5, "float32"))).all()
    conditional = build("maf_conditional")
    event, context = np.zeros([2, 4], "float32"), tf.constant([[0.0] * 3, [0.0, np.nan, 0.0]])
    found = tf.function(lambda c: conditional.log_prob(event, c))(context).numpy()
    assert np.isfinite(found[0])
    classes = build("glow_by_class")
    x, _ = inside(classes, 2)
    assert np.isnan(tf.function(lambda c: classes.log_prob(x, c))(tf.constant([0, 9]))[1])


@pytest.mark.parametrize("name", [*CASES, "probit", "variational"])
def test_samples_at_any_temperature_are_finite_and_in_their_bins(name):
    model = INTEGERS[name]() if name in INTEGERS else build(name)
    x, context = events(name, 64) if name in CASES else (None, None)
    if x is not None:
        model.initialize(x, context)
    for temperature in (1.0, 1.5, 4.0):
        options = {} if context is None else {"context": context}
        drawn = model.sample(64, seed=1, temperature=temperature, **options).numpy()
        assert np.isfinite(drawn).all() and np.ptp(drawn) > 0.1
        assert np.isfinite(model.log_prob(drawn, **options)).all()
        if model.num_bins:
            levels = np.floor(drawn.astype("float32"))
            assert levels.min() >= 0 and levels.max() < model.num_bins
