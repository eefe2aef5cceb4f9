"""Every transform: the identity at raw = 0, log_det by automatic differentiation, both ways, and inside TFP."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests import checks
from tfp_flows import bijectors, transforms
from tfp_flows.networks import MLP

tfb, tfd = tfp.bijectors, tfp.distributions
TRANSFORMS = {
    "shift": transforms.Shift(),
    "affine": transforms.Affine(),
    "affine_tight": transforms.Affine(0.5),
    "sigmoid_affine": transforms.SigmoidAffine(),
    "mixture": transforms.LogisticMixture(),
    "mixture_alike": transforms.LogisticMixture(3, spread=0.0),
    "mixture_probit": transforms.MixtureProbit(4),
    "spline": transforms.RationalQuadraticSpline(),
    "sinh_arcsinh": transforms.SinhArcsinh(),
    "circular_spline": transforms.CircularSpline(4),
    "spline_of_two": transforms.RationalQuadraticSpline(2, bound=1.0),
}
CURVED = [name for name in TRANSFORMS if name.startswith(("mixture", "spline"))]
each = pytest.mark.parametrize("name", TRANSFORMS)
each_curved = pytest.mark.parametrize("name", CURVED)
ways = pytest.mark.parametrize("way", ["forward", "inverse"])


def arguments(transform, n=50, scale=2.0):
    random = np.random.default_rng(0)
    return tf.constant(random.normal(size=n)), tf.constant(scale * random.normal(size=(n, transform.num_params)))


@pytest.mark.parametrize("name", sorted(set(TRANSFORMS) - {"mixture", "mixture_probit"}))
def test_raw_zero_is_the_identity(name):
    z, raw = arguments(TRANSFORMS[name])
    for method in ("forward_and_log_det", "inverse_and_log_det"):
        x, log_det = getattr(TRANSFORMS[name], method)(z, tf.zeros_like(raw))
        checks.close(x, z, 1e-15)
        checks.close(log_det, tf.zeros_like(z), 1e-15)


@pytest.mark.parametrize("num_components", [2, 4, 8])
@pytest.mark.parametrize(
    "kind, most, slope", [(transforms.LogisticMixture, 0.13, 0.2), (transforms.MixtureProbit, 0.3, 0.4)]
)
def test_a_mixture_of_separate_components_starts_near_the_identity(kind, most, slope, num_components):
    mixture = kind(num_components)
    x = tf.linspace(tf.constant(-3.0, tf.float64), 3.0, 61)
    z, log_det = mixture.inverse_and_log_det(x, tf.zeros([61, mixture.num_params], tf.float64))
    assert 1e-3 < np.abs(z - x).max() < most and np.abs(log_det).max() < slope


@each
def test_round_trip_and_log_det(name):
    transform = TRANSFORMS[name]
    z, raw = arguments(transform)
    for there, back in (("forward", "inverse"), ("inverse", "forward")):
        with tf.GradientTape() as tape:
            tape.watch(z)
            x, log_det = getattr(transform, f"{there}_and_log_det")(z, raw)
        checks.close(getattr(transform, f"{back}_and_log_det")(x, raw)[0], z, 1e-9)
        checks.close(log_det, tf.math.log(tf.abs(tape.gradient(x, z))), 1e-9)


@each
def test_flags_tell_the_truth(name):
    transform = TRANSFORMS[name]
    z, raw = arguments(transform)
    _, one = transform.forward_and_log_det(z, raw)
    _, two = transform.forward_and_log_det(z + 1.0, raw)
    assert transform.is_affine == bool(np.allclose(one, two))
    assert transform.is_volume_preserving == bool(np.all(one.numpy() == 0))


def test_the_log_scale_is_bounded():
    transform = transforms.Affine(0.5)
    raw = tf.constant([[1e6, 0.0], [-1e6, 0.0]], tf.float64)
    _, log_det = transform.forward_and_log_det(tf.ones([2], tf.float64), raw)
    checks.close(log_det, [0.5, -0.5], 1e-12)


@each
def test_as_bijector_inside_tfp(name):
    transform = TRANSFORMS[name]
    made = tfb.AutoregressiveNetwork(params=transform.num_params, event_shape=[3], hidden_units=[8], activation="relu")
    maf = tfb.MaskedAutoregressiveFlow(bijector_fn=lambda x: transform.as_bijector(made(x)))
    flow = tfd.TransformedDistribution(tfd.Sample(tfd.Normal(0.0, 1.0), 3), maf)
    x = tf.random.stateless_normal([4, 3], [0, 1])
    z = maf.inverse(x)
    assert np.abs(z - x).max() > 1e-3
    checks.close(maf.forward(tf.identity(z)), x, 1e-4)
    log_det = checks.jacobian_log_det(maf.inverse, x)
    base = tfd.Sample(tfd.Normal(0.0, 1.0), 3).log_prob(z)
    checks.close(flow.log_prob(tf.identity(x)), base + log_det, 1e-4)


@each
def test_as_bijector_inside_tfps_realnvp(name):
    transform = TRANSFORMS[name]
    net = MLP(2 * transform.num_params, (8,), output_initializer="glorot_uniform")

    def bijector_fn(x, output_units, **_):
        return transform.as_bijector(tf.reshape(net(x), [-1, output_units, transform.num_params]))

    realnvp = tfb.RealNVP(num_masked=1, bijector_fn=bijector_fn)
    x = tf.random.stateless_normal([4, 3], [0, 1])
    y = tf.function(realnvp.forward)(x)
    assert np.abs(y - x).max() > 1e-3
    checks.close(realnvp.inverse(y), x, 1e-4)
    log_det = realnvp.forward_log_det_jacobian(tf.identity(x), event_ndims=1)
    checks.close(tf.broadcast_to(log_det, [4]), checks.jacobian_log_det(realnvp.forward, x), 1e-4)


def test_a_family_needs_both_directions():
    class Half(transforms.Transform):
        def forward_and_log_det(self, z, raw):
            return z, tf.zeros_like(z)

    with pytest.raises(TypeError, match="abstract"):
        Half()


@pytest.mark.parametrize("bound", [0.0, -1.0, float("inf"), float("nan"), "2"])
def test_a_bound_that_is_none_is_refused(bound):
    with pytest.raises(ValueError, match=f"Expected log_scale_bound to be a positive finite number; got {bound!r}"):
        transforms.Affine(bound)


@each_curved
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-9), ("float32", 1e-4)])
def test_round_trips_into_the_tails(name, dtype, tolerance):
    transform = TRANSFORMS[name]
    random = np.random.default_rng(1)
    x = np.concatenate([random.normal(size=200), 3 * random.normal(size=100), [0, 1e2, -1e2, 1e4, -1e4]])
    x = tf.constant(x, dtype)
    raw = tf.constant(0.5 * random.normal(size=(len(x), transform.num_params)), dtype)
    for there, back in (("forward", "inverse"), ("inverse", "forward")):
        y, log_det = getattr(transform, f"{there}_and_log_det")(x, raw)
        again, back_log_det = getattr(transform, f"{back}_and_log_det")(y, raw)
        checks.close(again, x, tolerance)
        checks.close(-back_log_det, log_det, 10 * tolerance)


@each_curved
@ways
def test_monotone_everywhere(name, way):
    transform = TRANSFORMS[name]
    x = np.concatenate([np.linspace(-4, 4, 801), [-1e4, -100, -10, -3, -1, 1, 3, 10, 100, 1e4]])
    x = tf.constant(np.unique(x))
    for seed in range(3):
        raw = np.random.default_rng(seed).normal(size=(1, transform.num_params))
        y, _ = getattr(transform, f"{way}_and_log_det")(x, tf.tile(tf.constant(raw), [len(x), 1]))
        assert np.diff(y).min() > 0


@each
@ways
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_extremes_stay_finite_and_in_order_with_their_gradients(name, way, dtype):
    """At knots, zeros and far out, whatever a network gives."""
    transform = TRANSFORMS[name]
    bound = getattr(transform, "bound", 3.0)
    knots = np.linspace(-bound, bound, 9)
    x = np.sort([*knots, np.nextafter(bound, 0), 1e-30, 50, -50, 1e4, -1e4, 1e6, -1e6])
    random = np.random.default_rng(0)
    signs = np.sign(random.normal(size=(15, transform.num_params)))
    sizes = [
        30 * signs,
        1e3 * signs,
        1e4 * signs,
        100 * random.normal(size=signs.shape),
        1e4 * random.normal(size=signs.shape),
    ]
    raws = np.concatenate([0 * signs[:1], signs, *sizes])
    x, raw = (tf.constant(a.reshape(-1, *a.shape[2:]), dtype) for a in (
        np.tile(x[:, None], [1, len(raws)]), np.tile(raws[None], [len(x), 1, 1])
    ))  # fmt: skip
    for part in (0, 1):
        with tf.GradientTape() as tape:
            tape.watch((x, raw))
            out = getattr(transform, f"{way}_and_log_det")(x, raw)
            total = tf.reduce_sum(out[part])
        for number in (*out, *tape.gradient(total, (x, raw))):
            assert number is None or np.isfinite(number).all()
    y = out[0].numpy().reshape(-1, len(raws))
    # Components of locations and widths of such sizes are out by these before they are summed.
    rounding = np.finfo(dtype).eps * (1e5 if name.startswith("mixture") else 100)
    if transform.is_increasing and name != "circular_spline":
        assert (np.diff(y, axis=0) >= -rounding * np.maximum(1, np.abs(y[1:]))).all()


def test_narrow_components_cost_float32_no_digits():
    """Their own u is 1e5 here, whose last place is worth a hundredth."""
    mixture = transforms.LogisticMixture(3)
    raw = np.array([0.0, 0.1, 0.2, 0.5, -0.5, 0.0, -9.0, 9.0, -9.0, 0.0, 0.0])
    x = np.array([-700.0, -3.0, -0.4, 0.02, 1.0, 40.0, 900.0])
    for way in ("forward", "inverse"):
        fine, coarse = (
            getattr(mixture, f"{way}_and_log_det")(tf.constant(x, dtype), tf.constant(np.tile(raw, [7, 1]), dtype))
            for dtype in ("float64", "float32")
        )
        for one, other in zip(fine, coarse):
            checks.close(other, one, 1e-5)


@pytest.mark.parametrize("d, d_next", [(1e-3, 1e4), (1e4, 1e-3), (1e4, 1e4), (1e-3, 1e-3)])
def test_a_root_is_as_exact_next_to_a_steep_end(d, d_next):
    z = np.linspace(0.01, 1.49, 50)
    answers = []
    for dtype in ("float64", "float32"):
        piece = [tf.constant(number, dtype) for number in (0.0, 0.0, 6.0, 1.5, d, d_next)]
        answers.append(transforms.rational_quadratic.forward_and_log_det(tf.constant(z, dtype), *piece))
    checks.close(answers[1][0], answers[0][0], 1e-5)
    checks.close(answers[1][1], answers[0][1], 1e-5)


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 2e-6)])
def test_a_mixtures_probit_far_out_is_its_asymptotic_series(dtype, tolerance):
    """Of one logistic: where float64 has no digits of Phi left its quantile is known by its series alone."""
    mixture = transforms.MixtureProbit(2, spread=0.0)
    width = np.sqrt(3) / np.pi
    logits = np.array([3e3, 1e4, 1e6])
    raw = tf.zeros([len(logits), mixture.num_params], dtype)
    for sign in (1, -1):
        z, log_det = mixture.inverse_and_log_det(tf.constant(sign * logits * width, dtype), raw)
        want = np.sqrt(2 * logits)
        for _ in range(50):  # log Phi(-z) = -z^2 / 2 - log(z sqrt(2 pi)) + log(1 - z^-2 + 3 z^-4 - 15 z^-6)
            series = np.log1p(-(want**-2) + 3 * want**-4.0 - 15 * want**-6.0)
            want = np.sqrt(2 * (logits - np.log(want) - 0.5 * np.log(2 * np.pi) + series))
        checks.close(z, sign * want, tolerance)
        slope = np.log(1 - want**-2 + 3 * want**-4.0 - 15 * want**-6.0) - np.log(want) - np.log(width)
        checks.close(log_det, slope, tolerance)


def test_a_spline_is_the_identity_outside():
    spline = transforms.RationalQuadraticSpline(5, bound=2.0)
    x = tf.constant([-1e4, -2.0, 2.0, 3.0])
    raw = tf.random.stateless_normal([4, spline.num_params], [0, 1])
    for method in (spline.forward_and_log_det, spline.inverse_and_log_det):
        y, log_det = method(x, raw)
        np.testing.assert_array_equal(y, x)
        np.testing.assert_array_equal(log_det, tf.zeros_like(x))


@ways
def test_a_spline_of_steep_and_flat_pieces_stays_finite(way):
    """Rounding puts a position within its bin outside of it."""
    spline = transforms.RationalQuadraticSpline(4)
    random = np.random.default_rng(0)
    x = tf.constant(random.uniform(-3, 3, 100_000), tf.float32)
    raw = tf.constant(300 * random.normal(size=(len(x), spline.num_params)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch((x, raw))
        y, log_det = getattr(spline, f"{way}_and_log_det")(x, raw)
        total = tf.reduce_sum(log_det) + tf.reduce_sum(y)
    for number in (y, log_det, *tape.gradient(total, (x, raw))):
        assert np.isfinite(number).all()


def test_a_spline_has_no_kink():
    """Slopes belong to knots: log_det is continuous across them, and at the ends of the interval."""
    spline = TRANSFORMS["spline"]
    x = tf.linspace(tf.constant(-3.1, tf.float64), 3.1, 100_001)
    raw = tf.tile(tf.constant(np.random.default_rng(0).normal(size=(1, spline.num_params))), [len(x), 1])
    for method in (spline.forward_and_log_det, spline.inverse_and_log_det):
        log_det = method(x, raw)[1].numpy()
        assert np.ptp(log_det) > 0.5 and np.abs(np.diff(log_det)).max() < 0.01


def test_a_mixture_of_like_components_is_the_identity_to_the_bit():
    mixture = TRANSFORMS["mixture_alike"]
    for dtype in ("float32", "float64"):
        x = tf.constant(np.concatenate([10 * np.random.default_rng(0).normal(size=100), [0, 1e4, -1e4]]), dtype)
        raw = tf.zeros([len(x), mixture.num_params], dtype)
        for method in (mixture.forward_and_log_det, mixture.inverse_and_log_det):
            y, log_det = method(x, raw)
            np.testing.assert_array_equal(y, x)
            np.testing.assert_array_equal(log_det, tf.zeros_like(x))


def test_a_root_is_found_between_narrow_components_far_apart():
    """Where Newton's method alone runs away; x is ill-conditioned there, but its z must be right."""
    mixture = transforms.LogisticMixture(8)
    random = np.random.default_rng(0)
    z, raw = 2 * random.normal(size=2000), 2 * random.normal(size=(2000, mixture.num_params))
    for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-2)):
        given, parameters = tf.constant(z, dtype), tf.constant(raw, dtype)
        x, _ = mixture.forward_and_log_det(given, parameters)
        checks.close(mixture.inverse_and_log_det(x, parameters)[0], given, tolerance)


def plain_mixture(mixture, x, raw):
    """The equations as they stand, for numbers of common size."""
    K, bound = mixture.num_components, mixture.component_log_scale_bound
    log_pi, mu, s = raw[..., :K], raw[..., K : 2 * K], raw[..., 2 * K : 3 * K]
    offsets = np.linspace(-1, 1, K) * mixture.spread
    is_probit = isinstance(mixture, transforms.MixtureProbit)
    variance = 1.0 if is_probit else np.pi**2 / 3
    s = bound * tf.tanh(s / bound) + 0.5 * np.log((variance - offsets.var()) / (np.pi**2 / 3))
    u = (x[..., None] - mu - offsets) * tf.exp(-s)
    F = tf.reduce_sum(tf.nn.softmax(log_pi) * tf.sigmoid(u), -1)
    density = tf.reduce_sum(tf.nn.softmax(log_pi) * tf.sigmoid(u) * tf.sigmoid(-u) * tf.exp(-s), -1)
    if is_probit:
        z = tf.math.ndtri(F)
        return z, tf.math.log(density) + z**2 / 2 + 0.5 * np.log(2 * np.pi)
    a, b = 2 * tf.tanh(raw[..., -2] / 2), raw[..., -1]
    return tf.math.log(F / (1 - F)) * tf.exp(a) + b, tf.math.log(density / (F * (1 - F))) + a


@pytest.mark.parametrize("name", [name for name in CURVED if name.startswith("mixture")])
def test_a_mixture_and_its_gradients_are_those_of_its_equations(name):
    x, raw = arguments(TRANSFORMS[name], scale=1.0)
    weights = tf.constant(np.random.default_rng(2).normal(size=(2, len(x))))
    results = []
    for function in (TRANSFORMS[name].inverse_and_log_det, lambda x, raw: plain_mixture(TRANSFORMS[name], x, raw)):
        with tf.GradientTape() as outer:
            outer.watch((x, raw))
            with tf.GradientTape() as tape:
                tape.watch((x, raw))
                z, log_det = function(x, raw)
                loss = tf.reduce_sum(weights[0] * z + weights[1] * log_det)
            first = tape.gradient(loss, (x, raw))
            squares = sum(tf.reduce_sum(tf.sin(g)) for g in first)
        results.append((z, log_det, *first, *outer.gradient(squares, (x, raw))))
    for one, other in zip(*results):
        checks.close(one, other, 1e-9)


@each_curved
def test_gradients_of_forward_are_those_of_an_inverse_function(name):
    transform = TRANSFORMS[name]
    z, raw = arguments(transform, scale=0.7)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((z, raw))
        x, log_det = transform.forward_and_log_det(z, raw)
    dx_dz, dx_draw = tape.gradient(x, (z, raw))
    with tf.GradientTape(persistent=True) as back:
        fixed = tf.identity(x)
        back.watch((fixed, raw))
        again, back_log_det = transform.inverse_and_log_det(fixed, raw)
    dz_dx, dz_draw = back.gradient(again, (fixed, raw))
    checks.close(dx_dz, 1 / dz_dx, 1e-9)
    checks.close(dx_draw, -dz_draw / dz_dx[:, None], 1e-8)
    # log_det(z, raw) = -back_log_det(x(z, raw), raw)
    dl_dz, dl_draw = tape.gradient(log_det, (z, raw))
    dl_dx, dl_draw_fixed = back.gradient(back_log_det, (fixed, raw))
    checks.close(dl_dz, -dl_dx * dx_dz, 1e-7)
    checks.close(dl_draw, -dl_draw_fixed - dl_dx[:, None] * dx_draw, 1e-7)


@each_curved
def test_forward_can_be_differentiated_twice(name):
    transform = TRANSFORMS[name]
    z, raw = arguments(transform, scale=0.7)

    def slope(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            x, _ = transform.forward_and_log_det(z, raw)
        return tape.gradient(x, z)

    with tf.GradientTape() as tape:
        tape.watch(z)
        first = slope(z)
    checks.close(tape.gradient(first, z), (slope(z + 1e-5) - slope(z - 1e-5)) / 2e-5, 1e-6)


@each_curved
@ways
def test_eager_graph_and_xla_agree(name, way):
    transform = TRANSFORMS[name]

    def run(x, raw):
        with tf.GradientTape() as tape:
            tape.watch((x, raw))
            y, log_det = getattr(transform, f"{way}_and_log_det")(x, raw)
            loss = tf.reduce_sum(tf.sin(y) - log_det)
        return y, log_det, *tape.gradient(loss, (x, raw))

    arrays = arguments(transform, scale=0.7)
    unknown = [tf.TensorSpec(None, tf.float64)] * 2
    some = [tf.TensorSpec([None], tf.float64), tf.TensorSpec([None, transform.num_params], tf.float64)]
    for options in ({"input_signature": unknown}, {"input_signature": some}, {"jit_compile": True}):
        for actual, expected in zip(tf.function(run, **options)(*arrays), run(*arrays)):
            checks.close(actual, expected, 1e-9)


@each_curved
@ways
def test_one_set_of_parameters_for_a_batch(name, way):
    """Parameters without the batch's axis get the sum of the batch's gradients."""
    x, raw = arguments(TRANSFORMS[name], 3, 0.7)
    x = tf.stack([x, x + 0.3])
    results = []
    for tiled in (False, True):
        with tf.GradientTape() as tape:
            tape.watch(raw)
            given = tf.stack([raw, raw]) if tiled else raw
            y, log_det = getattr(TRANSFORMS[name], f"{way}_and_log_det")(x, given)
            loss = tf.reduce_sum(tf.sin(y) + log_det)
        results.append((y, log_det, tape.gradient(loss, raw)))
    for one, other in zip(*results):
        checks.close(one, other, 1e-10)


def test_an_element_does_not_depend_on_its_neighbours():
    mixture = transforms.LogisticMixture(3)
    random = np.random.default_rng(0)
    z, raw = tf.constant(random.normal(size=8)), tf.constant(random.normal(size=(8, mixture.num_params)))
    hard = tf.constant([[0.0, 0.1, -0.1, -40, 0, 40, -4, -4, -4, 0, 0]], tf.float64)
    x, _ = mixture.forward_and_log_det(z, raw)
    beside, _ = mixture.forward_and_log_det(tf.concat([z, [0.0] * 8], 0), tf.concat([raw, *[hard] * 8], 0))
    checks.close(beside[:8], x, 1e-15)


def test_a_circular_spline_has_no_seam():
    """Value and slope go on across pi, and over every turn; the map covers the circle once."""
    spline = transforms.CircularSpline(5)
    raw = tf.constant(np.random.default_rng(3).normal(size=spline.num_params))
    for method in (spline.forward_and_log_det, spline.inverse_and_log_det):
        around = tf.constant([-np.pi + 1e-7, np.pi - 1e-7, 3 * np.pi - 1e-7, -5 * np.pi + 1e-7], tf.float64)
        x, log_det = method(around, raw)
        chord = np.abs(np.exp(1j * x.numpy()) - np.exp(1j * x.numpy()[0]))
        assert chord.max() < 1e-5 and np.ptp(log_det) < 1e-5
        grid = tf.constant(np.linspace(-np.pi, np.pi, 20_001)[:-1])
        x, log_det = method(grid, raw)
        assert ((x >= -np.pi) & (x < np.pi)).numpy().all()
        # Slopes over the whole circle add up to it.
        assert abs(np.exp(log_det).mean() - 1) < 1e-4 and np.ptp(log_det) > 0.5


def test_tails_become_a_power():
    """z^p with p = exp(r), whatever the scale; skewed to the side that is asked for."""
    raw = tf.constant([0.3, 0.4, 0.0, 0.0], tf.float64)
    far = tf.constant([1e6, 1e8, -1e6, -1e8], tf.float64)
    x, _ = transforms.SinhArcsinh(log_tail_bound=0.5).forward_and_log_det(far, raw)
    power = np.exp(0.5 * np.tanh(0.4 / 0.5))
    checks.close(np.log(x[1] / x[0]) / np.log(100), power, 1e-6)
    checks.close(-x[2:], x[:2], 1e-12)
    skewed, _ = transforms.SinhArcsinh().forward_and_log_det(far, tf.constant([0.0, 0.0, 0.7, 0.0], tf.float64))
    checks.close(np.log(skewed[0] / far[0]), 3 * np.tanh(0.7 / 3), 1e-6)
    checks.close(np.log(skewed[2] / far[2]), -3 * np.tanh(0.7 / 3), 1e-6)
    for dtype in ("float32", "float64"):
        wide = tf.constant([0.0, -1e-12, 1e-3, -1e9, 1e12], dtype)
        back = transforms.SinhArcsinh().inverse_and_log_det(wide, tf.zeros([4], dtype))
        np.testing.assert_allclose(back[0], wide, rtol=1e-4)
    with pytest.raises(ValueError, match="Expected log_tail_bound to be a positive finite number; got 0"):
        transforms.SinhArcsinh(log_tail_bound=0)


def test_two_modes_are_fitted():
    random = np.random.default_rng(0)
    sample = tf.constant(random.choice([-1.0, 1.0], (512, 1)) + 0.2 * random.normal(size=(512, 1)), tf.float32)
    nll = {}
    for name in ("affine", "mixture", "spline"):
        flow = tfd.TransformedDistribution(
            tfd.Sample(tfd.Normal(0.0, 1.0), 1), bijectors.Elementwise(TRANSFORMS[name], (1,))
        )
        losses = tfp.math.minimize(
            tf.function(lambda flow=flow: -tf.reduce_mean(flow.log_prob(tf.identity(sample)))),
            num_steps=80,
            optimizer=tf.optimizers.Adam(0.05),
            trainable_variables=flow.trainable_variables,
        )
        nll[name] = float(losses[-1])
    assert nll["affine"] > 1.4
    assert nll["mixture"] < 0.7 and nll["spline"] < 0.9


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: transforms.LogisticMixture(1), "Expected num_components to be an integer above 1; got 1"),
        (lambda: transforms.LogisticMixture(2.0), "Expected num_components to be an integer above 1; got 2.0"),
        (lambda: transforms.LogisticMixture(spread=1.8), "Expected spread from 0 to less than 1.8; got 1.8"),
        (lambda: transforms.LogisticMixture(spread=-1), "Expected spread from 0 to less than 1.8; got -1"),
        (lambda: transforms.LogisticMixture(component_log_scale_bound=0), "Expected component_log_scale_bound to be a"),
        (lambda: transforms.LogisticMixture(log_scale_bound=0), "Expected log_scale_bound to be a positive finite"),
        (lambda: transforms.RationalQuadraticSpline(1), "Expected num_bins to be an integer above 1; got 1"),
        (lambda: transforms.RationalQuadraticSpline(True), "Expected num_bins to be an integer above 1; got True"),
        (lambda: transforms.RationalQuadraticSpline(bound=0.0), "Expected bound to be a positive finite number; got 0"),
        (
            lambda: transforms.RationalQuadraticSpline(bound="3"),
            "Expected bound to be a positive finite number; got '3'",
        ),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_named_transforms_are_all_that_there_are_with_the_arguments_that_they_have():
    kinds = {kind for kind in vars(transforms).values() if isinstance(kind, type)} - {transforms.Transform}
    # A model's features are no angles.
    assert set(transforms.NAMED.values()) == kinds - {transforms.CircularSpline}
    for name, kind in transforms.NAMED.items():
        plain = transforms.choose_transform(name)
        assert type(plain) is kind and plain.num_params == kind().num_params
        if hasattr(plain, "log_scale_bound"):
            assert transforms.choose_transform(name, log_scale_bound=0.5).log_scale_bound == 0.5
        if kind.size_argument is not None:
            assert getattr(transforms.choose_transform(name, 7), kind.size_argument) == 7
            continue
        with pytest.raises(ValueError, match=f"Expected num_components=None with {name} steps; got 7"):
            transforms.choose_transform(name, 7, what="step")
