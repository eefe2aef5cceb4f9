"""A solution at several times: one solve after the other, each from where the last one ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfp_flows.dynamics.solve import Solution, Solver, solve


def solve_at(
    field: Callable, y: tf.Tensor, times: Sequence[float], solver: Solver | None = None, num_integrals: int = 0,
    constants: Sequence[tf.Tensor] = (),
) -> Solution:  # fmt: skip
    """As `solve`, with what is reached at every time. Steps of one length are counted between two times.

    Args:
        field, y, solver, num_integrals, constants: as `solve`.
        times: floats, all rising or all falling, of at least two; y is given at the first.

    Returns:
        `Solution` with an axis of len(times) in front of y, integrals and time; status, num_steps and num_evaluations
        are of all of it: an event that failed once stays where it was.

    Raises:
        ValueError: where the times are not finite, rising or falling.

    Example:
        >>> from tfp_flows import dynamics
        >>> solution = dynamics.solve_at(lambda t, y: -y, tf.constant([[1.0]]), [0.0, 1.0, 3.0])
        >>> [f"{float(y[0, 0]):.4f}" for y in solution.y]
        ['1.0000', '0.3679', '0.0498']
    """
    values = [float(t) for t in times]
    rises = [b - a for a, b in zip(values, values[1:])]
    if not rises or not all(map(math.isfinite, values)) or not (min(rises) > 0 or max(rises) < 0):
        raise ValueError(f"Expected at least two finite times, all rising or all falling; got {values}.")
    y = tf.convert_to_tensor(y)
    count = tf.shape(y)[:1]
    totals = [tf.zeros(count, y.dtype)] * num_integrals
    reached, status = tf.fill(count, tf.constant(values[0], y.dtype)), tf.zeros(count, tf.int32)
    states, integrals, ends, steps, evaluations = [y], [tuple(totals)], [reached], tf.zeros(count, tf.int32), 0
    for first, last in zip(values, values[1:]):
        found = solve(field, states[-1], first, last, solver, num_integrals, constants)
        failed = status != 0
        stays = tf.reshape(failed, [-1, *[1] * (y.shape.rank - 1)])
        states.append(tf.where(stays, states[-1], found.y))
        totals = [tf.where(failed, total, total + more) for total, more in zip(totals, found.integrals)]
        reached = tf.where(failed, reached, found.time)
        status = tf.where(failed, status, found.status)
        integrals.append(tuple(totals))
        ends.append(reached)
        steps, evaluations = steps + found.num_steps, evaluations + found.num_evaluations
    each = tuple(tf.stack(values) for values in zip(*integrals))
    return Solution(tf.stack(states), each, status, tf.stack(ends), steps, evaluations)
