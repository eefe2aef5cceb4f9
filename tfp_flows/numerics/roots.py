"""Roots of increasing functions, many at once, by Newton's method kept between two bounds that close in.

    x <- x - (f(x) - y) / f'(x)                 Newton's step
    low <- x where f(x) < y,    high <- x where f(x) > y
    x <- (low + high) / 2                       where a step would leave the bounds or is too long

Newton's method converges quadratically near a root and may run away, or to and fro, far from it; halving is slow and
always comes to an end. Press, Teukolsky, Vetterling and Flannery, Numerical Recipes, section 9.4 (`rtsafe`).
"""

import numpy as np
import tensorflow as tf

# Halving alone closes an interval of 1e4 to float64's precision within these; a smooth function takes about six.
_MAX_ITERATIONS = 200


def root_of_increasing(function, y, low, high, start=None, max_iterations=_MAX_ITERATIONS):
    """x with f(x) = y, elementwise, between bounds.

    An element that has converged stays as it is, so that it does not depend on what else is in the batch. Nothing is
    differentiated through: where gradients are wanted, they are the implicit function theorem's at the root,
    dx = (dy - (df/dparameters) dparameters) / f'(x).

    Args:
        function: x (...) -> (f(x), f'(x)), elementwise and increasing. A slope of 0, as where f is flat but for
            rounding, is no harm: the interval is halved there.
        y: floating tensor (...).
        low, high: tensors of y's shape, f(low) <= y <= f(high).
        start: tensor of y's shape between them, from where to start; None for the middle.
        max_iterations: int, evaluations of the function at most.

    Returns:
        tensor of y's shape: within a few units of the last place of x, times 1 / f'(x) where f's own rounding is
        larger; NaN where y is.

    Example:
        >>> from tfp_flows.numerics.roots import root_of_increasing
        >>> y = tf.constant([8.0, -27.0])
        >>> root_of_increasing(lambda x: (x**3, 3 * x**2), y, tf.fill([2], -50.0), tf.fill([2], 50.0)).numpy().tolist()
        [2.0, -3.0]
    """
    epsilon = float(np.finfo(y.dtype.as_numpy_dtype).eps)

    def body(x, low, high, last_step, is_done):
        value, slope = function(x)
        error = value - y
        low, high = tf.where(error < 0, x, low), tf.where(error > 0, x, high)
        newton = x - tf.math.divide_no_nan(error, slope)
        # Onto a bound and not beyond: there it may be the root but for rounding. Where a step is not half as long
        # as the one before, Newton's method goes to and fro.
        bounded = tf.clip_by_value(newton, low, high)
        is_good = (slope > 0) & (tf.abs(bounded - x) <= 0.5 * last_step)
        next_x = tf.where(is_good, bounded, low + 0.5 * (high - low))
        step = tf.abs(next_x - x)
        # The error after a step of Newton's is about the square of the step.
        is_newton = is_good & tf.equal(newton, bounded)
        tolerance = tf.where(is_newton, tf.cast(epsilon**0.75, x.dtype), epsilon) * tf.maximum(tf.abs(x), 1)
        is_exact = tf.equal(error, 0)
        next_x = tf.where(is_done | is_exact, x, next_x)
        # NaN comes to an end by name: TensorFlow's graph optimizer makes (<=) of a negated (>), as if there were none.
        return next_x, low, high, step, is_done | is_exact | (step <= tolerance) | tf.math.is_nan(step)

    start = low + 0.5 * (high - low) if start is None else start
    x = tf.while_loop(
        lambda x, low, high, last_step, is_done: ~tf.reduce_all(is_done),
        body,
        (start, low, high, high - low, tf.zeros_like(y, tf.bool)),
        maximum_iterations=max_iterations,
    )[0]
    # Whatever the bounds: of a NaN nothing says which way to go.
    return tf.where(tf.math.is_nan(y), y, x)
