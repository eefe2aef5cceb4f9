"""Solvers: their order, their tolerance for each event by itself, their gradients, and how they fail."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import checks
from tfp_flows import dynamics
from tfp_flows.bridge.traces import traced
from tfp_flows.dynamics import Solver, solve
from tfp_flows.networks import TimeMLP

FINE = Solver(rtol=1e-10, atol=1e-10)
each = pytest.mark.parametrize("method", dynamics.METHODS)


def gaussian(t, y):
    """y = y(0) exp(-t^2)."""
    return -2 * t[:, None] * y


def circle(t, y):
    return tf.stack([-y[:, 1], y[:, 0]], axis=1)


@each
def test_a_tableau_is_consistent(method):
    tableau = dynamics.METHODS[method]
    np.testing.assert_allclose(sum(tableau.b), 1, atol=1e-14)
    np.testing.assert_allclose([sum(row) for row in tableau.a], tableau.c, atol=1e-14)
    # y' = t^(q-1) is integrated exactly up to the order.
    for q in range(1, tableau.order + 1):
        np.testing.assert_allclose(np.dot(tableau.b, np.array(tableau.c) ** (q - 1)), 1 / q, atol=1e-14)
    if tableau.is_adaptive:
        np.testing.assert_allclose(sum(tableau.e), 0, atol=1e-15)
        assert np.abs(np.dot(tableau.e, np.array(tableau.c) ** (tableau.order - 1))) > 1e-4


@each
def test_half_the_step_is_as_much_better_as_the_order_says(method):
    order, start = dynamics.METHODS[method].order, tf.constant([[1.0], [-3.0]], tf.float64)
    exact, counts = start * np.exp(-(1.3**2)), {1: (64, 128), 2: (64, 128), 4: (16, 32), 5: (16, 32)}[order]
    errors = [abs(solve(gaussian, start, 0.0, 1.3, Solver(method, n)).y - exact).numpy().max() for n in counts]
    assert 0.8 < np.log2(errors[0] / errors[1]) / order < 1.3


@pytest.mark.parametrize("t1", [2.0, -2.0])
@pytest.mark.parametrize("tolerance", [1e-4, 1e-8])
def test_the_tolerance_is_kept(tolerance, t1):
    y = tf.constant([[1.0, 0.5], [-20.0, 3.0], [0.0, 0.0]], tf.float64)
    found = solve(circle, y, 0.0, t1, Solver(rtol=tolerance, atol=tolerance))
    c, s = np.cos(t1), np.sin(t1)
    exact = y.numpy() @ np.array([[c, s], [-s, c]])
    error = np.abs(found.y - exact) / (1 + np.abs(exact))
    assert 1e-3 * tolerance < error.max() < 20 * tolerance
    np.testing.assert_array_equal(found.status, 0)
    np.testing.assert_array_equal(found.time, t1)


def test_an_event_is_solved_as_if_it_were_alone():
    rates = tf.constant([0.1, 1.0, 80.0], tf.float64)

    def field(t, y, rate):
        return -rate[:, None] * (y - tf.sin(t)[:, None])

    run = traced(lambda y, rates: solve(field, y, 0.0, 2.0, constants=[rates]), reduce_retracing=True)
    y = tf.constant([[1.0], [2.0], [3.0]], tf.float64)
    together = run(y, rates)
    for i in range(3):
        alone = run(y[i : i + 1], rates[i : i + 1])
        np.testing.assert_allclose(alone.y[0], together.y[i], rtol=1e-14)
        assert alone.num_steps[0] == together.num_steps[i]
    assert together.num_steps[2] > 3 * together.num_steps[0]


@pytest.mark.parametrize("solver", [Solver("rk4", 7), Solver("heun", 4), Solver("tsit5", 3), Solver()])
def test_evaluations_are_counted(solver):
    count = itertools.count()

    def field(t, y):
        next(count)
        return gaussian(t, y)

    found = solve(field, tf.ones([2, 1], tf.float64), 0.0, 1.0, solver)
    assert int(found.num_evaluations) == next(count)
    assert solver.evaluations in (None, int(found.num_evaluations))


@pytest.mark.parametrize("solver", [FINE, Solver("rk4", 20)])
def test_integrals_are_taken_along_the_way(solver):
    # y = y0 exp(t): the integrals of y and of t y.
    def field(t, y):
        return y, (y[:, 0], t * y[:, 0])

    y = tf.constant([[1.0], [2.0]], tf.float64)
    found = traced(lambda y: solve(field, y, 0.5, 1.5, solver, num_integrals=2))(y)
    first, second = np.exp(1.0) - 1, (1.5 - 1) * np.exp(1.0) - (0.5 - 1)
    np.testing.assert_allclose(found.integrals, [[first, 2 * first], [second, 2 * second]], rtol=1e-6)


def network():
    keras.utils.set_random_seed(1)
    return TimeMLP(2, (5,), activation="tanh", context_shape=(3,), output_initializer="glorot_uniform", dtype="float64")


def loss_and_gradients(net, solver, y, context):
    """Of a function of the end and of an integral: by the start, the context and every weight."""

    def field(t, y, context):
        v = net(y, t, context=context)
        return v, (tf.reduce_sum(v**2, 1) + t * y[:, 0],)

    with tf.GradientTape() as tape:
        tape.watch([y, context])
        found = solve(field, y, 0.0, 1.0, solver, num_integrals=1, constants=[context])
        loss = tf.reduce_mean(tf.reduce_sum(tf.sin(3 * found.y), 1) + 0.7 * found.integrals[0])
    sources = [y, context, *net.trainable_variables]
    return loss, [tf.convert_to_tensor(g) for g in tape.gradient(loss, sources)]


def data(n=4):
    random = np.random.default_rng(0)
    return tf.constant(random.normal(size=(n, 2))), tf.constant(random.normal(size=(n, 3)))


def test_both_gradients_are_those_of_differences():
    net, (y, context) = network(), data()
    fine, steps = (
        traced(lambda y, context, solver=solver: loss_and_gradients(net, solver, y, context))
        for solver in (FINE, Solver("dormand_prince", 60))
    )
    adjoint = fine(y, context)[1]
    for one, other in zip(adjoint, steps(y, context)[1]):
        checks.close(one, other, 1e-8)
    for source, gradient in zip(net.trainable_variables, adjoint[2:]):
        direction = np.random.default_rng(1).normal(size=source.shape)
        values = []
        for sign in (1, -1):
            source.assign_add(sign * 1e-5 * direction)
            values.append(fine(y, context)[0])
            source.assign_add(-sign * 1e-5 * direction)
        checks.close((values[0] - values[1]) / 2e-5, tf.reduce_sum(gradient * direction), 1e-7)


@pytest.mark.parametrize("solver", [Solver(), Solver("rk4", 6), Solver("rk4", 10, gradient="adjoint")])
def test_eager_graph_and_xla_agree(solver):
    net, (y, context) = network(), data()
    run = lambda y, context: loss_and_gradients(net, solver, y, context)
    expected = run(y, context)
    for function in (traced(run), traced(run, jit_compile=True)):
        for one, other in zip(tf.nest.flatten(function(y, context)), tf.nest.flatten(expected)):
            checks.close(one, other, 1e-8)


def test_the_adjoint_does_not_mind_the_size_of_a_gradient():
    """A loss that is a mean over many events has small gradients for each."""
    net, (y, context) = network(), data()
    found = []
    for size in (1e-12, 1.0):
        with tf.GradientTape() as tape:
            tape.watch(y)
            end = solve(lambda t, y, c: net(y, t, context=c), y, 0.0, 1.0, Solver(), constants=[context]).y
            loss = size * tf.reduce_sum(end**3)
        found.append(tape.gradient(loss, y) / size)
    checks.close(*found, 1e-10)


def test_a_second_derivative_of_the_adjoint_is_refused():
    y = tf.ones([1, 1], tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(y)
        with tf.GradientTape() as tape:
            tape.watch(y)
            end = solve(gaussian, y, 0.0, 1.0).y ** 2
        gradient = tape.gradient(end, y)
    with pytest.raises(ValueError, match="Expected first derivatives of a solution by its adjoint"):
        outer.gradient(gradient, y)


def failures():
    explodes = lambda t, y: y**2
    never = lambda t, y: tf.fill(tf.shape(y), tf.constant(np.nan, y.dtype))
    later = lambda t, y: tf.where(t[:, None] > 0.5, tf.constant(np.inf, y.dtype), y)
    return {
        "explodes": (explodes, Solver(), (1, 2)),
        "explodes in steps": (lambda t, y: 1e30 * y**9, Solver("rk4", 20), (2,)),
        "never finite": (never, Solver(), (2,)),
        "not finite later": (later, Solver(), (2,)),
        "too many steps": (lambda t, y: -1e4 * (y - t[:, None]), Solver(max_steps=20), (1,)),
    }


@pytest.mark.parametrize("name", failures())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_solution_that_fails_says_so(name, dtype):
    field, solver, expected = failures()[name]
    y = tf.constant([[0.0], [1.5], [1.0]], dtype)
    found = traced(lambda y: solve(field, y, 0.0, 2.0, solver))(y)
    assert np.isfinite(found.y).all() and np.isfinite(found.time).all()
    assert int(found.status[1]) in expected
    assert (found.time.numpy()[found.status != 0] < 2.0).all()
    with pytest.raises(dynamics.SolverError, match=r"^Expected a .*event \d of 3.*\d of the events fail"):
        dynamics.require_reached(found, 2.0, solver)


def test_one_that_fails_leaves_the_others_alone():
    run = traced(lambda y: solve(lambda t, y: y**2, y, 0.0, 2.0))
    found = run(tf.constant([[-1.0], [1.0]], tf.float64))
    np.testing.assert_allclose(found.y[0], [-1 / 3], rtol=1e-4)
    assert found.status.numpy().tolist()[0] == 0 and found.status.numpy().tolist()[1] != 0
    assert 0.99 < found.time[1] < 1.0 + 1e-4


def test_no_events_are_no_failure():
    assert solve(gaussian, tf.zeros([0, 1]), 0.0, 1.0).y.shape == (0, 1)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Solver("rk5"), "Expected a method among .*; got 'rk5'"),
        (lambda: Solver("rk4"), "Expected num_steps for 'rk4'"),
        (lambda: Solver("rk4", 0), "Expected num_steps to be a positive integer or None; got 0"),
        (lambda: Solver(rtol=0.0), "Expected rtol to be a positive finite number; got 0.0"),
        (lambda: Solver(atol="a"), "Expected atol to be a positive finite number; got 'a'"),
        (lambda: Solver(max_steps=1.5), "Expected max_steps to be a positive integer; got 1.5"),
        (lambda: Solver(gradient="exact"), "Expected gradient to be one of"),
        (lambda: Solver(gradient="backprop"), "Expected gradient='adjoint' with steps by tolerance"),
        (
            lambda: solve(gaussian, tf.ones([1, 1]), 1.0, 1.0),
            "Expected finite times, .*; got 1.0 and 1.0",
        ),
        (lambda: solve(lambda t, y: y[:, :1], tf.ones([1, 2]), 0.0, 1.0), r"Expected a field of shape \(1, 2\)"),
        (lambda: solve(lambda t, y: (y, ()), tf.ones([1, 2]), 0.0, 1.0, num_integrals=1), "with 1 rates; got"),
    ],
)
def test_what_cannot_be_solved_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
