"""Roots of increasing functions: where Newton's method is at home, and where it is not."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.numerics.roots import root_of_increasing

# name -> function -> (value, slope), its inverse by NumPy, and the bounds that it is looked for between.
FUNCTIONS = {
    "linear": (lambda x: (3 * x + 1, 3 * tf.ones_like(x)), lambda y: (y - 1) / 3, 20.0),
    # Flat at its root for y = 0: Newton's method alone converges by thirds.
    "cubic": (lambda x: (x**3, 3 * x**2), np.cbrt, 20.0),
    # Newton's method alone runs away from |x| > 1.39.
    "arctangent": (lambda x: (tf.atan(x), 1 / (1 + x**2)), np.tan, 1e4),
    "exponential": (lambda x: (tf.exp(x), tf.exp(x)), np.log, 80.0),
    # A kink, past which its slope is a thousandth.
    "kink": (
        lambda x: (tf.where(x < 0, x, x / 1000), tf.where(x < 0, tf.ones_like(x), tf.ones_like(x) / 1000)),
        lambda y: np.where(y < 0, y, 1000 * y), 1e4,
    ),
    "stairs": (lambda x: (x + 0.99 * tf.sin(x), 1 + 0.99 * tf.cos(x)), None, 20.0),
}  # fmt: skip


def between(bound, like):
    return tf.fill(like.shape, tf.constant(-bound, like.dtype)), tf.fill(like.shape, tf.constant(bound, like.dtype))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-5), ("float64", 1e-12)])
def test_the_root_is_found(name, dtype, tolerance):
    function, inverse, bound = FUNCTIONS[name]
    y = np.random.default_rng(0).uniform(0.01, 1.5, 200) * (1 if name == "exponential" else [[-1], [1]])
    x = root_of_increasing(function, tf.constant(y, dtype), *between(bound, tf.constant(y, dtype)))
    assert x.dtype == dtype
    np.testing.assert_allclose(function(x)[0], y, rtol=10 * tolerance, atol=tolerance)
    if inverse is not None:
        np.testing.assert_allclose(x, inverse(np.asarray(tf.constant(y, dtype), np.float64)), rtol=10 * tolerance)


def count(function, y, low, high, **options):
    """The root, and how often the function was evaluated."""
    calls = tf.Variable(0)

    def counted(x):
        calls.assign_add(1)
        return function(x)

    return root_of_increasing(counted, y, low, high, **options), int(calls)


def test_it_takes_few_evaluations_and_halving_where_it_must():
    y = tf.constant([0.5, 1.0, 2.0], tf.float64)
    assert count(FUNCTIONS["linear"][0], y, *between(20.0, y))[1] <= 3
    assert count(FUNCTIONS["exponential"][0], y, *between(5.0, y))[1] <= 10
    # A slope that is 0 everywhere leaves halving alone: a bit of the root each time.
    x, calls = count(lambda x: (x, tf.zeros_like(x)), y, *between(20.0, y))
    np.testing.assert_allclose(x, y, rtol=1e-14)
    assert 45 < calls < 60


def test_a_start_at_the_root_and_bounds_at_the_root():
    y = tf.constant([0.5, 2.0])
    x, calls = count(FUNCTIONS["linear"][0], y, *between(20.0, y), start=(y - 1) / 3)
    np.testing.assert_allclose(x, (y - 1) / 3, rtol=1e-6)
    assert calls <= 2
    x = root_of_increasing(FUNCTIONS["exponential"][0], y, tf.math.log(y), tf.math.log(y))
    np.testing.assert_array_equal(x, tf.math.log(y))


def test_an_element_does_not_depend_on_the_others():
    function = FUNCTIONS["stairs"][0]
    y = tf.constant(np.random.default_rng(1).uniform(-15, 15, 50), tf.float32)
    together = root_of_increasing(function, y, *between(20.0, y))
    alone = [root_of_increasing(function, y[i : i + 1], *between(20.0, y[i : i + 1])) for i in range(50)]
    np.testing.assert_array_equal(together, tf.concat(alone, 0))


def test_a_nan_stays_one_and_comes_to_an_end():
    y = tf.constant([np.nan, 1.0])
    x, calls = count(FUNCTIONS["exponential"][0], y, *between(20.0, y))
    assert np.isnan(x[0]) and abs(x[1]) < 1e-6 and calls < 60


def test_iterations_are_bounded():
    y = tf.constant([0.5])
    assert count(lambda x: (x, tf.zeros_like(x)), y, *between(20.0, y), max_iterations=5)[1] == 5


def test_a_graph_and_xla_give_the_same():
    function = FUNCTIONS["stairs"][0]
    y = tf.constant(np.linspace(-10, 10, 7))
    eager = root_of_increasing(function, y, *between(20.0, y))
    for xla in (False, True):
        compiled = tf.function(lambda y: root_of_increasing(function, y, *between(20.0, y)), jit_compile=xla)
        np.testing.assert_allclose(compiled(y), eager, rtol=1e-13)


@pytest.mark.parametrize("at", ["y", "low", "high", "start", "function"])
def test_nan_comes_to_an_end_in_an_optimised_graph_too(at):
    """One element that is none takes no more evaluations than its neighbours, whichever the optimizer has rewritten."""
    n, nan = 50, float("nan")
    y = np.linspace(0.5, 2.0, n)
    given = {"y": y, "low": np.full(n, -5.0), "high": np.full(n, 5.0), "start": np.zeros(n), "slope": np.ones(n)}
    taken = {}
    for value in (0.25, nan):
        arguments = {name: array.copy() for name, array in given.items()}
        arguments["slope" if at == "function" else at][7] += value - 0.25
        calls = tf.Variable(0)

        @tf.function(input_signature=[tf.TensorSpec([n], tf.float64)] * 5)
        def solve(y, low, high, start, slope):
            def function(x):
                calls.assign_add(1)
                return slope * tf.exp(x), slope * tf.exp(x)

            return root_of_increasing(function, y, low, high, start)

        x = solve(**{name: tf.constant(array) for name, array in arguments.items()}).numpy()
        taken[value] = int(calls)
        np.testing.assert_allclose(np.delete(x, 7), np.log(np.delete(y, 7)), atol=1e-12)
    assert taken[nan] <= taken[0.25] + 3 < 20, taken
