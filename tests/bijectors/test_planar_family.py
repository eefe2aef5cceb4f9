"""Planar, radial and Sylvester flows beyond the generic checks: extreme parameters, parameters from a context."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import close
from tfp_flows import bijectors, networks

KINDS = {
    "planar": bijectors.Planar,
    "radial": bijectors.Radial,
    "sylvester": lambda n, **options: bijectors.Sylvester(n, 3, num_reflections=2, **options),
    "triangular": lambda n, **options: bijectors.Sylvester(n, 2, "reversed", **options),
}
each = pytest.mark.parametrize("kind", KINDS)


def rows(n=200, scale=1.0, seed=0):
    return tf.constant(scale * np.random.default_rng(seed).normal(size=(n, 4)))


@each
@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 1e4])
def test_any_parameters_are_finite_and_invertible(kind, scale):
    """In float64 the way back is exact to what numbers of that size leave; nothing is ever NaN or folded."""
    for seed in range(2):
        bijector = KINDS[kind](4, dtype="float64", seed=seed)
        bijector.raw.assign(scale * np.random.default_rng(seed).normal(size=bijector.num_params) - bijector._start)
        for spread in (1.0, 1e3):
            x = rows(scale=spread, seed=seed)
            y = bijector.forward(x)
            log_det = bijector.forward_log_det_jacobian(tf.identity(x), event_ndims=1)
            back = bijector.inverse(tf.identity(y))
            again = bijector.inverse_log_det_jacobian(tf.identity(y), event_ndims=1)
            for values in (y, log_det, back, again):
                assert np.isfinite(values).all()
            # Slopes are 1e-3 at the least, and sums have the digits that their largest term leaves.
            close(back / spread, x / spread, 1e-10 * (1 + scale) ** 2)
            if scale <= 1:
                close(again, -log_det, 1e-7)


@each
def test_float32_stays_finite(kind):
    for scale in (1e2, 1e4):
        bijector = KINDS[kind](4, dtype="float32", seed=1)
        bijector.raw.assign(scale * np.random.default_rng(1).normal(size=bijector.num_params))
        x = tf.constant(np.concatenate([rows(50), 1e6 * rows(50), np.zeros([1, 4])]), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y, log_det = bijector._forward_and_log_det(x)
            back, again = bijector._inverse_and_log_det(x)
            total = sum(tf.reduce_sum(tf.tanh(values)) for values in (y, log_det, back, again))
        for values in (y, log_det, back, again, *tape.gradient(total, [x, bijector.raw])):
            assert np.isfinite(values).all()


def test_a_planar_map_that_would_fold_is_held_back():
    """u against w: without the constraint the slope along w is 1 - |u| |w| < 0."""
    bijector = bijectors.Planar(2, dtype="float64")
    bijector.raw.assign(np.array([3.0, 0.0, -5.0, 0.7, 0.0]) - bijector._start)
    line = np.stack([np.linspace(-2, 2, 401), np.zeros(401)], 1)
    y = bijector.forward(tf.constant(line)).numpy()
    assert (np.diff(y[:, 0]) > 0).all() and np.diff(y[:, 0]).min() < 2e-2 * 4 / 400
    # Across w nothing is held back: u's part there is as it was.
    close(y[:, 1], 0.7 * np.tanh(3.0 * line[:, 0]), 1e-12)


def test_known_values():
    """By hand, from the papers' equations."""
    radial = bijectors.Radial(2, dtype="float64")
    inverse_softplus = lambda value: np.log(np.expm1(value - 1e-3))
    radial.raw.assign(np.array([1.0, -1.0, inverse_softplus(2.0), inverse_softplus(0.5)]) - radial._start)
    x = np.array([[4.0, 3.0]])
    # r = 5, beta_hat = 0.5 - 2 = -1.5, h = 1 / 7.
    h, beta = 1 / 7.0, -1.5
    close(radial.forward(tf.constant(x)), x + beta * h * (x - [1.0, -1.0]), 1e-12)
    wanted = np.log(1 + beta * h) + np.log(1 + beta * h - beta * 5.0 * h**2)
    close(radial.forward_log_det_jacobian(tf.constant(x), 1), [wanted], 1e-12)
    flow = bijectors.Sylvester(3, 2, "identity", dtype="float64")
    r_1, r_2, b = np.array([[0.4, -0.3], [9.0, 0.2]]), np.array([[-0.5, 0.8], [9.0, 0.6]]), np.array([0.1, -0.2])
    flow.raw.assign(np.concatenate([r_1.ravel(), r_2.ravel(), b]) - flow._start)
    x = np.array([0.3, -1.2, 2.0])
    upper = lambda r, most: np.array([[most * np.tanh(r[0, 0]), r[0, 1]], [0, most * np.tanh(r[1, 1])]])
    push = upper(r_1, 1.0) @ np.tanh(upper(r_2, 0.999) @ x[:2] + b)
    close(flow.forward(tf.constant(x)), x + [*push, 0.0], 1e-12)


@each
def test_parameters_come_from_a_context(kind):
    keras.utils.set_random_seed(0)
    size = KINDS[kind](4).num_params
    net = networks.MLP(size, (8,), output_initializer="glorot_uniform", dtype="float64")
    net = networks.OfContext(net, (2,))
    bijector = KINDS[kind](4, conditioner=net, dtype="float64")
    assert bijectors.takes_context(bijector) and len(bijector.trainable_variables) == len(net.trainable_variables)
    x, context = rows(6), tf.constant(np.random.default_rng(3).normal(size=(6, 2)))
    y = bijector.forward(x, context=context)
    close(bijector.inverse(tf.identity(y), context=context), x, 1e-9)
    # Each event by its own, whatever stands beside it, and over any batch axes.
    alone = [bijector.forward(x[i], context=context[i]) for i in range(6)]
    close(y, tf.stack(alone), 1e-12)
    cube = bijector.forward(tf.reshape(x, [2, 3, 4]), context=tf.reshape(context, [2, 3, 2]))
    close(cube, tf.reshape(y, [2, 3, 4]), 1e-12)
    assert np.abs(y - bijector.forward(x, context=tf.reverse(context, [0]))).max() > 1e-3
    fixed = KINDS[kind](4, dtype="float64")
    fixed.raw.assign(net(tf.zeros([1, 1], tf.float64), context=context[2:3])[0])
    close(fixed.forward(x[2]), y[2], 1e-12)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: bijectors.Planar(0), "Expected num_features to be a positive integer; got 0"),
        (lambda: bijectors.Radial(2.5), "Expected num_features to be a positive integer; got 2.5"),
        (lambda: bijectors.Sylvester(3, 4), "Expected num_hidden of at most num_features=3; got 4"),
        (lambda: bijectors.Sylvester(3, 0), "Expected num_hidden to be a positive integer; got 0"),
        (lambda: bijectors.Sylvester(3, orthogonal="qr"), r"Expected orthogonal to be one of \['householder', .*'qr'"),
        (
            lambda: bijectors.Sylvester(3, orthogonal="identity", num_reflections=2),
            "Expected num_reflections of orthogonal='householder' alone; got 'identity'",
        ),
        (
            lambda: bijectors.Planar(2, conditioner=networks.OfContext(networks.MLP(4), (3,))),
            "Expected the conditioner to return 5 numbers an event; got",
        ),
        (
            lambda: bijectors.Planar(2, conditioner=networks.MLP(5)),
            "Expected a Keras layer with a context_shape as conditioner",
        ),
        (lambda: bijectors.Planar(2).forward(tf.ones([4, 3])), "Expected"),
        (lambda: bijectors.Planar(2).forward(tf.ones([4, 2]), context=tf.ones([4, 1])), "Expected no context in"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
