"""Distribution functions through elementwise bijectors: closed forms, and the integral of the density for all."""

import copy
import pickle

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

from tests import checks
from tfp_flows import bijectors, masks, networks, transforms

tfb, tfd = tfp.bijectors, tfp.distributions
BASE = stats.norm(0.2, 0.9)


def through(bijector):
    return tfd.TransformedDistribution(tfd.Normal(tf.constant(0.2, tf.float64), tf.constant(0.9, tf.float64)), bijector)


def moved(bijector):
    for i, variable in enumerate(bijector.trainable_variables):
        variable.assign_add(np.random.default_rng(i).normal(scale=0.4, size=variable.shape))
    return bijector


def elementwise(transform):
    return lambda: moved(bijectors.Elementwise(transform, (), dtype="float64"))


def as_bijector(transform):
    return lambda: transform.as_bijector(tf.constant(np.random.default_rng(3).normal(size=transform.num_params)))


def scaled(bijector, scale):
    return bijectors.Chain([bijector, tfb.Scale(tf.constant(scale, tf.float64))])


class Negated(transforms.Affine):
    """A transform of a user's, which decreases."""

    is_increasing = False

    def forward_and_log_det(self, z, raw):
        return super().forward_and_log_det(-z, raw)

    def inverse_and_log_det(self, x, raw):
        z, log_det = super().inverse_and_log_det(x, raw)
        return -z, log_det


# name -> bijector of scalars in float64.
SCALARS = {
    "sigmoid": lambda: bijectors.Sigmoid(dtype="float64"),
    "sigmoid_between": lambda: bijectors.Sigmoid(-2.0, 5.0, dtype="float64"),
    "logit": lambda: bijectors.Logit(-1.0, 3.0, alpha=0.02, dtype="float64"),
    "rescale": lambda: moved(bijectors.Rescale((), dtype="float64")),
    "piecewise_probit": lambda: bijectors.PiecewiseProbit((-1.0, 0.0, 3.0), dtype="float64"),
    "equalize": lambda: scaled(moved(bijectors.Equalize(8, (0, 3, 8), dtype="float64")), 3.0),
    "tfps_in_our_chain": lambda: bijectors.Chain([tfb.Scale(tf.constant(2.0, tf.float64)), tfb.Shift(np.float64(1.0))]),
    **{f"elementwise_{name}": elementwise(kind()) for name, kind in transforms.NAMED.items()},
    **{f"as_bijector_{name}": as_bijector(kind()) for name, kind in transforms.NAMED.items()},
    "decreasing_transform": elementwise(Negated()),
    "decreasing_as_bijector": as_bijector(Negated()),
    "decreasing": lambda: scaled(bijectors.Sigmoid(1.0, 4.0, dtype="float64"), -0.7),
    "decreasing_in_tfb_chain": lambda: tfb.Chain([tfb.Scale(np.float64(-2.0)), elementwise(transforms.Affine())()]),
    "twice_decreasing": lambda: scaled(scaled(bijectors.Logit(0.0, 2.0, dtype="float64"), -0.7), -1.2),
    "inverted": lambda: tfb.Invert(elementwise(transforms.LogisticMixture())()),
}


@pytest.mark.parametrize("name", SCALARS)
def test_the_cdf_is_the_integral_of_the_density(name):
    flow = through(SCALARS[name]())
    ends = np.sort(flow.quantile(tf.constant([0.03, 0.4, 0.95], tf.float64)))
    grid = np.linspace(ends[:2], ends[1:], 2001)
    mass = np.trapezoid(flow.prob(tf.constant(grid)), grid, axis=0)
    checks.close(mass, [0.37, 0.55], 2e-3)
    y = tf.constant(ends)
    checks.close(flow.cdf(y), [0.03, 0.4, 0.95], 1e-8)
    checks.close(flow.survival_function(y + 0.0), [0.97, 0.6, 0.05], 1e-8)
    checks.close(flow.log_survival_function(y + 0.0), np.log([0.97, 0.6, 0.05]), 1e-7)
    checks.close(flow.log_cdf(y + 0.0), np.log([0.03, 0.4, 0.95]), 1e-7)


def test_closed_forms_within_and_beyond_the_interval():
    y = np.array([-3.0, -1.0, -0.3, 1.1, 2.9, 3.0, 7.0])
    for bijector, p in (
        (bijectors.Sigmoid(-1.0, 3.0, dtype="float64"), (y + 1) / 4),
        (bijectors.Logit(-1.0, 3.0, alpha=0.1, dtype="float64"), 0.1 + 0.8 * (y + 1) / 4),
    ):
        p = np.clip(p, 0, 1)
        with np.errstate(divide="ignore"):
            expected = BASE.cdf(np.log(p) - np.log1p(-p))
        flow = through(bijector)
        checks.close(tf.function(flow.cdf)(tf.constant(y)), expected, 1e-12)
        checks.close(tf.function(flow.survival_function, jit_compile=True)(tf.constant(y)), 1 - expected, 1e-12)
        density = flow.prob(tf.constant(y)).numpy()
        assert density[0] == density[-1] == 0 and (density[2:5] > 0).all()


def test_quantized_levels_add_up():
    """As tfd.QuantizedDistribution makes of them: the cdf's steps, what is beyond the ends at the ends."""
    for continuous in (bijectors.Logit(0.0, 8.0, dtype="float64"), bijectors.Sigmoid(-0.5, 8.5, dtype="float64")):
        flow = through(continuous)
        quantized = tfd.QuantizedDistribution(flow, low=np.float64(0.0), high=np.float64(8.0))
        levels = tf.range(0, 9, dtype=tf.float64)
        p = quantized.prob(levels)
        cdf = flow.cdf(levels[:-1])
        checks.close(p, np.diff(np.concatenate([[0.0], cdf, [1.0]])), 1e-8)
        drawn = quantized.sample(4000, seed=[0, 1]).numpy()
        counts = np.bincount(drawn.astype(int), minlength=9) / 4000
        assert np.abs(counts - p).max() < 0.03


def test_sigmoid_is_tfps():
    low, high = tf.constant([[-1.0], [0.5]]), tf.constant([3.0, 4.0, 9.0])
    ours, theirs = bijectors.Sigmoid(low, high), tfb.Sigmoid(low, high)
    assert ours.forward_min_event_ndims == theirs.forward_min_event_ndims == 0
    assert ours.experimental_batch_shape() == theirs.experimental_batch_shape() == (2, 3)
    x = tf.random.stateless_normal([5, 2, 3], [0, 1], stddev=3.0)
    y = theirs.forward(x)
    checks.close(ours.forward(x + 0.0), y, 1e-6)
    checks.close(ours.inverse(y + 0.0), theirs.inverse(y + 0.0), 1e-5)
    for way, value in (("forward", x), ("inverse", y)):
        for ndims in (0, 1, 2):
            log_dets = [getattr(b, f"{way}_log_det_jacobian")(value + 0.0, event_ndims=ndims) for b in (ours, theirs)]
            checks.close(*log_dets, 1e-5)
    # Far out: within the interval and with finite gradients.
    far = tf.constant([-300.0, 300.0])
    with tf.GradientTape() as tape:
        tape.watch(far)
        value = bijectors.Sigmoid(0.1, 0.3).forward(far)
    assert value.numpy().tolist() == [np.float32(0.1), np.float32(0.3)] and np.isfinite(tape.gradient(value, far)).all()
    low = tf.Variable(1.0)
    learned = bijectors.Sigmoid(low, 2.0)
    assert learned.trainable_variables == (low,) and learned[...].low is low
    with pytest.raises(ValueError, match="Expected both of low and high, or neither; got low=3, high=None"):
        bijectors.Sigmoid(3)
    for wrong in ((1.0, 1.0), ([0.0, 2.0], 1.0), (0.0, np.inf)):
        with pytest.raises(ValueError, match="^Expected finite low < high; got"):
            bijectors.Sigmoid(*wrong)


def test_elementwise_bijectors_of_vectors_say_it_too():
    norm = bijectors.ActNorm(2)
    norm.loc.assign([1.0, 2.0])
    parts = [norm, bijectors.Standardize((2,)), bijectors.BatchNorm(2), bijectors.QuantileMap(2)]
    flow = tfd.TransformedDistribution(tfd.Independent(tfd.Normal([0.0, 1.0], 1.0), 1), bijectors.Chain(parts))
    y = np.array([0.3, 2.5])
    expected = stats.norm.logcdf((y - [1, 2] - [0, 1]) / np.sqrt(1 + 1e-5)).sum()
    checks.close(flow.log_cdf(tf.constant(y, tf.float32)), expected, 1e-4)


def test_what_is_not_monotone_says_so():
    class Silent(transforms.Affine):
        is_increasing = None

    coupling = bijectors.AffineCoupling(masks.half(2), networks.MLP(2, (4,)))
    for bijector in (
        coupling, bijectors.Chain([coupling]), bijectors.Elementwise(Silent(), ()), Silent().as_bijector(tf.zeros([2])),
    ):  # fmt: skip
        with pytest.raises(NotImplementedError):
            tfd.TransformedDistribution(tfd.Sample(tfd.Normal(0.0, 1.0), []), bijector).cdf(tf.zeros([2]))


def test_a_transform_as_a_bijector_has_a_batch_shape_and_is_copied():
    raw = tf.Variable(np.random.default_rng(0).normal(size=(3, 2)))
    bijector = transforms.Affine().as_bijector(raw)
    flow = through(bijector)
    assert flow.batch_shape == (3,) and bijector.trainable_variables == (raw,)
    x = tf.constant(0.4, tf.float64)
    expected = flow.cdf(x)
    scale, shift = np.exp(2 * np.tanh(raw[:, 0] / 2)), raw[:, 1]
    checks.close(expected, BASE.cdf((0.4 - shift) / scale), 1e-12)
    checks.close(flow[1].cdf(x + 0.0), expected[1], 1e-12)
    for other in (copy.deepcopy(bijector), pickle.loads(pickle.dumps(bijector))):
        checks.close(through(other).cdf(x + 0.0), expected, 1e-12)
