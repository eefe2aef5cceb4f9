"""MADE and the autoregressive layer: nothing sees what comes after it. (What it draws: test_solvers.py.)"""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, transforms
from tfp_flows.networks import MADE

tfb = tfp.bijectors
N = 5
ORDERS = {"left_to_right": range(5), "reversed": range(4, -1, -1), "random": None, (3, 1, 4, 0, 2): (3, 1, 4, 0, 2)}


def randomised(made):
    made(tf.zeros([1, made.num_features], made.compute_dtype), **context_of(made, 1))
    for k, weight in enumerate(made.weights):
        weight.assign(tf.random.stateless_normal(weight.shape, [k, 7], dtype=made.compute_dtype))
    return made


def context_of(made, n):
    if made.context_shape is None:
        return {}
    return {"context": tf.random.stateless_normal([n, *made.context_shape], [3, 4], dtype=made.compute_dtype)}


@pytest.mark.parametrize("context_shape", [None, (2,)])
@pytest.mark.parametrize("hidden_units, residual", [(7, False), ((5, 9, 6), False), ((8, 8, 8), True)])
@pytest.mark.parametrize("order", ORDERS)
def test_the_jacobian_is_strictly_triangular_in_the_order_and_full_below(order, hidden_units, residual, context_shape):
    made = MADE(
        N, 3, hidden_units, "tanh", order, residual, context_shape, output_initializer="glorot_uniform", seed=1,
        dtype="float64",
    )  # fmt: skip
    randomised(made)
    x = tf.random.stateless_normal([4, N], [0, 1], dtype=tf.float64)
    context = context_of(made, 4)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, *context.values()])
        raw = made(x, **context)
    jacobian = np.abs(tape.batch_jacobian(raw, x)).max(0)  # (n, num_params, n)
    features = made.features if ORDERS[order] is None else np.array(list(ORDERS[order]))
    assert sorted(features) == list(range(N)) and (order != "random" or list(features) != list(range(N)))
    in_order = jacobian[features][:, :, features]
    earlier = np.tril(np.ones([N, N], bool), -1)
    for p in range(3):
        assert (in_order[:, p][earlier] > 0).all() and (in_order[:, p][~earlier] == 0).all()
    if context:
        # Of the first conditional too, which depends on nothing else.
        assert (np.abs(tape.batch_jacobian(raw, context["context"])).max((0, 3)) > 0).all()


@pytest.mark.parametrize("context_shape", [None, (2,)])
@pytest.mark.parametrize(
    "n, hidden_units, residual",
    [
        (12, 5, False),
        (12, (11, 4, 30), False),
        (13, (6, 9), False),
        (9, (8, 8), True),
        (40, (7, 7, 7), True),
        (40, 39, False),
    ],
)
@pytest.mark.parametrize("order", ["left_to_right", "reversed", "random"])
def test_few_units_are_spread_so_that_only_neighbours_are_lost(n, hidden_units, residual, order, context_shape):
    """Only the nearest features before a feature may be lost, fewer than the widest gap between evenly spread degrees
    of the narrowest layer, and none of the ends: each but the first sees some, each but the last is seen."""
    made = randomised(MADE(n, 2, hidden_units, "tanh", order, residual, context_shape, seed=3, dtype="float64"))
    x, context = tf.random.stateless_normal([4, n], [0, 1], dtype=tf.float64), context_of(made, 4)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, *context.values()])
        raw = made(x, **context)
    jacobian = np.abs(tape.batch_jacobian(raw, x)).max(0)[made.features][:, :, made.features]
    narrowest = np.min(hidden_units) - (context_shape is not None)
    gap = int(np.ceil((n - 2) / (min(narrowest, n - 1) - 1)))
    place = np.arange(n)
    far = place[:, np.newaxis] - place >= gap
    for p in range(2):
        depends = jacobian[:, p] > 0
        assert not np.triu(depends).any() and depends[far].all()
        assert depends[1:].any(1).all() and depends[:, :-1].any(0).all()
    if context:
        assert (np.abs(tape.batch_jacobian(raw, context["context"])).max((0, 3)) > 0).all()


@pytest.mark.parametrize("n, hidden_units, context_shape", [(10, 1, None), (11, (1, 3), None), (10, 2, (2,))])
def test_the_fewest_units_give_one_half_to_the_other(n, hidden_units, context_shape):
    made = randomised(MADE(n, 1, hidden_units, "tanh", context_shape=context_shape, dtype="float64"))
    x = tf.random.stateless_normal([4, n], [0, 1], dtype=tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        raw = made(x, **context_of(made, 4))
    depends = np.abs(tape.batch_jacobian(raw, x)).max((0, 2)) > 0
    half = np.arange(n) < n // 2
    np.testing.assert_array_equal(depends, ~half[:, np.newaxis] & half)


def test_one_feature_is_a_bias_or_what_the_context_says():
    assert MADE(1, 2, 3)(tf.ones([4, 1])).shape == (4, 1, 2)
    made = randomised(MADE(1, 2, 3, context_shape=(2,)))
    c = tf.random.stateless_normal([4, 2], [0, 1])
    a, b = made(tf.zeros([4, 1]), context=c), made(tf.ones([4, 1]), context=c)
    np.testing.assert_array_equal(a, b)
    assert np.ptp(a, axis=0).min() > 0


@pytest.mark.parametrize("order", ["reversed", "random"])
def test_tfps_flow_takes_it_as_it_is(order):
    made = randomised(MADE(N, 2, 8, "tanh", order, dtype="float64"))
    ours = bijectors.Autoregressive(N, made, transforms.Affine(), dtype="float64")
    theirs = tfb.MaskedAutoregressiveFlow(lambda x: 0.3 * made(x))
    y = tf.random.stateless_normal([3, N], [0, 1], dtype=tf.float64)
    np.testing.assert_allclose(theirs.forward(tf.identity(theirs.inverse(y))), y, atol=1e-9)
    x = ours.inverse(y)
    np.testing.assert_allclose(ours.forward(tf.identity(x)), y, atol=1e-9)
    assert set(v.ref() for v in ours.trainable_variables) == set(w.value.ref() for w in made.weights)


def test_configuration_comes_back():
    made = randomised(MADE(N, 3, (8, 8), "swish", (3, 1, 4, 0, 2), True, (2,)))
    again = MADE.from_config(made.get_config())
    x, context = tf.random.stateless_normal([4, N], [0, 1]), context_of(made, 4)
    again(x, **context)
    again.set_weights(made.get_weights())
    np.testing.assert_array_equal(again(x, **context), made(x, **context))


class Counting(MADE):
    calls = 0

    def call(self, x, context=None):
        Counting.calls += 1
        return super().call(x, context)


def test_a_density_pass_calls_the_network_once():
    layer = bijectors.Autoregressive(N, Counting(N, 2, 8), transforms.Affine())
    y = tf.random.stateless_normal([3, N], [0, 1])
    Counting.calls = 0
    layer.inverse(y), layer.inverse_log_det_jacobian(y, event_ndims=1)
    assert Counting.calls == 1


def test_iaf_is_maf_the_other_way_round():
    made = randomised(MADE(N, 2, 8, "tanh", dtype="float64"))
    maf = bijectors.Autoregressive(N, made, transforms.Affine(), dtype="float64")
    iaf = tfb.Invert(bijectors.Autoregressive(N, made, transforms.Affine(), dtype="float64"))
    v = tf.random.stateless_normal([3, N], [0, 1], dtype=tf.float64)
    for there, back in (("forward", "inverse"), ("inverse", "forward")):
        np.testing.assert_array_equal(getattr(iaf, there)(v), getattr(maf, back)(v))
        log_det = getattr(iaf, f"{there}_log_det_jacobian")(tf.identity(v), event_ndims=1)
        np.testing.assert_array_equal(log_det, getattr(maf, f"{back}_log_det_jacobian")(tf.identity(v), event_ndims=1))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("context_shape", [None, (2,)])
def test_gradients_of_the_sequential_direction_are_those_of_all_passes(context_shape, compiled):
    made = randomised(MADE(N, 2, 8, "tanh", "random", context_shape=context_shape, dtype="float64"))
    affine = transforms.Affine()
    layer = bijectors.Autoregressive(N, made, affine, dtype="float64")
    x = tf.random.stateless_normal([3, N], [0, 1], dtype=tf.float64)
    context = context_of(made, 3)
    weights = tf.random.stateless_normal([3, N], [5, 1], dtype=tf.float64)

    def naive(x, **context):
        y = tf.zeros_like(x)
        for _ in range(N):
            y, log_det = affine.forward_and_log_det(x, made(y, **context))
        return y, tf.reduce_sum(log_det, -1)

    def ours(x, **context):
        return layer.forward(x, **context), layer.forward_log_det_jacobian(x, event_ndims=1, **context)

    def run(function):
        x_, context_ = tf.identity(x), {k: tf.identity(c) for k, c in context.items()}
        variables = made.trainable_variables
        with tf.GradientTape() as tape:
            tape.watch([x_, *context_.values()])
            y, log_det = function(x_, **context_)
            loss = tf.reduce_sum(weights * y**2) + tf.reduce_sum(tf.sin(log_det))
        return y, tape.gradient(loss, [x_, *context_.values(), *(v.value for v in variables)])

    expected = run(naive)
    actual = tf.function(run)(ours) if compiled else run(ours)
    for a, b in zip(tf.nest.flatten(actual), tf.nest.flatten(expected)):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("order", ["reversed", "random"])
def test_the_probe_lets_made_pass(order):
    made = MADE(N, 2, 8, order=order, context_shape=(2,))
    made.build()
    before = made.get_weights()
    bijectors.Autoregressive(N, made, transforms.Affine(), validate_args=True)
    for now, then in zip(made.get_weights(), before):
        np.testing.assert_array_equal(now, then)


def test_the_probe_lets_pass_what_a_constraint_masks_and_what_sees_nothing():
    made = tfb.AutoregressiveNetwork(params=2, event_shape=[N], hidden_units=[8])
    made.build((None, N))
    bijectors.Autoregressive(N, made, transforms.Affine(), validate_args=True)
    scale = tf.Variable(1.0)
    blind = lambda y: scale * tf.ones([tf.shape(y)[0], N, 2])
    bijectors.Autoregressive(N, blind, transforms.Affine(), validate_args=True)


@pytest.mark.parametrize("seed", range(5))
def test_the_probe_sees_past_units_that_are_off(seed):
    keras.utils.set_random_seed(seed)
    net = keras.Sequential([keras.layers.Dense(2, "relu"), keras.layers.Dense(4), keras.layers.Reshape([2, 2])])
    with pytest.raises(ValueError, match="Expected an autoregressive conditioner"):
        bijectors.Autoregressive(2, net, transforms.Affine(), validate_args=True)


def loop():
    """Feature 1 sees feature 3 and feature 3 sees feature 1."""
    mask = np.tril(np.ones([N, N]), -1)
    mask[1, 3] = 1
    net = keras.Sequential([keras.layers.Dense(N * 2), keras.layers.Reshape([N, 2])])
    net.build((None, N))
    net.layers[0].kernel.assign(np.repeat(mask.T, 2, axis=1))
    net.trainable = False
    return net


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: MADE(0), "Expected positive integers for num_features, num_params and hidden_units"),
        (lambda: MADE(4, 2, ()), "Expected positive integers for num_features"),
        (lambda: MADE(9, 2, (8, 1), context_shape=(1,)), r"at least 2 hidden units .* beside a con.*\(8, 1\)"),
        (lambda: MADE(3, 2, (8, 7), residual=True), r"hidden layers of one width with residual=True; got \(8, 7\)"),
        (lambda: MADE(3, 2, 8, order="odd"), "Expected order to be one of .* or a permutation; got 'odd'"),
        (lambda: MADE(3, 2, 8, order=(0, 1, 1)), r"permutation of range\(3\); got \(0, 1, 1\)"),
        (lambda: MADE(3, 2, 8)(tf.ones([1, 3]), context=tf.ones([1, 1])), "Expected no context; got one"),
        (
            lambda: bijectors.Autoregressive(0, MADE(3), transforms.Affine()),
            "event_shape as a tuple of positive integers",
        ),
        (lambda: bijectors.Autoregressive(3, MADE(3), "affine"), "Expected a tfp_flows.transforms.Transform; got str"),
        (lambda: bijectors.Autoregressive(4, MADE(3), transforms.Affine()), r"conditioner of events of shape \(4,\)"),
        (lambda: bijectors.Autoregressive(4, None, transforms.Affine()), "conditioner of events .* got None"),
        (lambda: bijectors.Autoregressive(3, MADE(3, 3), transforms.Affine()), r"parameters \(3, 2\); got \(3, 3\)"),
        (
            lambda: bijectors.Autoregressive(N, loop(), transforms.Affine(), validate_args=True),
            "got parameters of element 1 that depend on element 3, in a circle",
        ),
        (
            lambda: bijectors.Autoregressive(3, MADE(3), transforms.Affine()).inverse(tf.ones([1, 4])),
            r"Expected .*\(3,\)",
        ),
        (
            lambda: bijectors.Autoregressive(3, MADE(3, context_shape=(1,)), transforms.Affine()).inverse(tf.ones([3])),
            r"Expected a context of shape \(1,\)",
        ),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
