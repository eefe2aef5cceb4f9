"""How a solution ended: for each event a number, and one sentence for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from tfp_flows.dynamics.solve import Solution, Solver

# The end was reached; not within the steps that were allowed, or by none that is long enough; the field is not finite.
REACHED, TOO_MANY_STEPS, NOT_FINITE = 0, 1, 2


class SolverError(ArithmeticError):
    """A differential equation that could not be solved as asked. The sentence says where, and of which event."""


def require_reached(solution: Solution, t1: float, solver: Solver) -> None:
    """Refuses, in eager code, a solution that did not reach its end; in a graph nothing is raised.

    Args:
        solution: `tfp_flows.dynamics.Solution`.
        t1: float, the end.
        solver: `tfp_flows.dynamics.Solver`.

    Raises:
        SolverError: with the time that was reached, the steps and the worst event.

    Example:
        >>> from tfp_flows import dynamics
        >>> solver = dynamics.Solver("euler", num_steps=10)
        >>> solution = dynamics.solve(lambda t, y: 1e30 * y**9, tf.constant([[1.0]]), 0.0, 1.0, solver)
        >>> dynamics.require_reached(solution, 1.0, solver)
        Traceback (most recent call last):
        tfp_flows.dynamics.status.SolverError: Expected a finite field on the way to t = 1.0; got one that is not: ...
    """
    if not tf.executing_eagerly() or not bool(tf.reduce_any(solution.status != REACHED)):
        return
    bad = solution.status != REACHED
    distance = tf.where(bad, tf.abs(solution.time - tf.cast(t1, solution.time.dtype)), -1.0)
    worst = int(tf.argmax(distance))
    place = f"event {worst} of {len(bad)} stays at t = {float(solution.time[worst]):.6g}"
    count = f"{int(tf.reduce_sum(tf.cast(bad, tf.int32)))} of the events fail"
    if int(solution.status[worst]) == NOT_FINITE:
        raise SolverError(f"Expected a finite field on the way to t = {t1}; got one that is not: {place}, {count}.")
    raise SolverError(
        f"Expected a solution to rtol={solver.rtol:g} and atol={solver.atol:g} within max_steps={solver.max_steps} "
        f"steps to t = {t1}; got none: {place} after {int(solution.num_steps[worst])} steps, {count}."
    )
