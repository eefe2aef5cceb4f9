"""The solution of an ordinary differential equation, with what is integrated along it, and its gradient.

    dy/dt = f(t, y),   y(t0) given      ->  y(t1)
    J_l   = integral from t0 to t1 of r_l(t, y) dt      a log-determinant, a kinetic energy, ...

The gradient by y(t0), by what the field is given beside (contexts) and by every weight within it, either

    backprop   through the steps that were taken: exact of what was computed, memory in proportion to their number
    adjoint    by a second equation, solved backwards in time from y(t1): memory that does not depend on their number

        da/dt = -(a df/dy + sum_l g_l dr_l/dy),   a(t1) = dL/dy(t1),   g_l = dL/dJ_l
        dL/dtheta = integral from t0 to t1 of (a df/dtheta + sum_l g_l dr_l/dtheta) dt

    which is as exact as the solver's tolerance. The weights' integrals do not decide on the length of a step.

Chen, Rubanova, Bettencourt and Duvenaud, Neural Ordinary Differential Equations, arXiv:1806.07366, section 2 and
appendix B; the norm without the weights: Kidger, Chen and Lyons, "Hey, that's not an ODE", arXiv:2009.09457.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import NamedTuple

import tensorflow as tf

from tfp_flows.bridge.keras_mode import KerasMode
from tfp_flows.dynamics import steps
from tfp_flows.dynamics.tableau import METHODS
from tfp_flows.numerics.tensors import is_positive_integer, once_only

GRADIENTS = ("backprop", "adjoint")


@dataclasses.dataclass(frozen=True)
class Solver:
    """How an equation is solved.

    Args:
        method: "euler", "midpoint", "heun", "rk4", of steps of one length, or "dormand_prince" or "tsit5", which
            estimate their error and choose their steps, for each event by itself, unless their number is given.
        num_steps: int, of one length; None for steps by tolerance.
        rtol, atol: floats > 0: the error of a step is kept below atol + rtol |y|. Not of steps of one length.
        max_steps: int, of each event, refused ones included; an event that needs more fails.
        gradient: "backprop" or "adjoint"; None for "backprop" through steps of one length and "adjoint" otherwise.

    Raises:
        ValueError: for an unknown method or gradient, a method without an error estimate and no num_steps, numbers out
            of their range, or "backprop" through steps by tolerance.

    Example:
        >>> from tfp_flows.dynamics import Solver
        >>> Solver().is_adaptive, Solver("rk4", num_steps=8).evaluations
        (True, 32)
    """

    method: str = "dormand_prince"
    num_steps: int | None = None
    rtol: float = 1e-5
    atol: float = 1e-5
    max_steps: int = 1000
    gradient: str | None = None

    def __post_init__(self):
        if self.method not in METHODS:
            raise ValueError(f"Expected a method among {list(METHODS)}; got {self.method!r}.")
        if self.num_steps is not None and not is_positive_integer(self.num_steps):
            raise ValueError(f"Expected num_steps to be a positive integer or None; got {self.num_steps!r}.")
        if self.num_steps is None and not METHODS[self.method].is_adaptive:
            raise ValueError(f"Expected num_steps for {self.method!r}, which takes steps of one length; got None.")
        for name in ("rtol", "atol"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < math.inf:
                raise ValueError(f"Expected {name} to be a positive finite number; got {value!r}.")
        if not is_positive_integer(self.max_steps):
            raise ValueError(f"Expected max_steps to be a positive integer; got {self.max_steps!r}.")
        if self.gradient is not None and self.gradient not in GRADIENTS:
            raise ValueError(f"Expected gradient to be one of {list(GRADIENTS)} or None; got {self.gradient!r}.")
        if self.is_adaptive and self.gradient == "backprop":
            raise ValueError("Expected gradient='adjoint' with steps by tolerance; got 'backprop'.")

    @property
    def is_adaptive(self) -> bool:
        """Whether steps are chosen by tolerance."""
        return self.num_steps is None

    @property
    def evaluations(self) -> int | None:
        """int, of the field on the way; None where the tolerances decide."""
        return None if self.is_adaptive else self.num_steps * METHODS[self.method].evaluations


class Solution(NamedTuple):
    """What `solve` gives.

    Attributes:
        y: (batch, *event) at the end; of an event that failed, its last finite value.
        integrals: tuple of tensors (batch,), one for each rate.
        status: int32 (batch,): 0 where the end was reached, 1 where it was not within the steps and tolerances, 2 where
            the field is not finite.
        time: (batch,), how far each event came.
        num_steps: int32 (batch,), refused ones included.
        num_evaluations: int32 (), of the field, on all events at once.

    Example:
        >>> from tfp_flows import dynamics
        >>> explodes = dynamics.solve(lambda t, y: y**2, tf.constant([[1.0]]), 0.0, 2.0)
        >>> int(explodes.status[0]) > 0, bool(explodes.time[0] < 1.01), bool(tf.math.is_finite(explodes.y[0, 0]))
        (True, True, True)
    """

    y: tf.Tensor
    integrals: tuple
    status: tf.Tensor
    time: tf.Tensor
    num_steps: tf.Tensor
    num_evaluations: tf.Tensor


def solve(
    field: Callable, y: tf.Tensor, t0: float, t1: float, solver: Solver | None = None, num_integrals: int = 0,
    constants: Sequence[tf.Tensor] = (),
) -> Solution:  # fmt: skip
    """Integrates from t0 to t1, which may lie before it.

    Args:
        field: function (t (batch,), y (batch, *event), *constants) -> dy/dt (batch, *event), or where there are
            integrals -> (dy/dt, tuple of rates (batch,)). Its weights, `tf.Variable`s or Keras', get gradients.
        y: floating tensor (batch, *event), of known rank.
        t0, t1: floats, t0 != t1.
        solver: `Solver`; None for its defaults.
        num_integrals: int.
        constants: floating tensors with a first axis of the batch, that get gradients too. Tensors that the field
            merely refers to get none from "adjoint".

    Returns:
        `Solution`.

    Raises:
        ValueError: where the times are not finite and different, or the field returns another shape.

    Example:
        >>> from tfp_flows import dynamics
        >>> decay = lambda t, y: -y
        >>> solution = dynamics.solve(decay, tf.constant([[1.0], [2.0]]), 0.0, 1.0)
        >>> [f"{float(y):.4f}" for y in solution.y], solution.status.numpy().tolist()
        (['0.3679', '0.7358'], [0, 0])
    """
    solver = Solver() if solver is None else solver
    if not (math.isfinite(t0) and math.isfinite(t1) and t0 != t1):
        raise ValueError(f"Expected finite times, t0 other than t1; got {t0!r} and {t1!r}.")
    y = tf.convert_to_tensor(y)
    joint = _joint(field, num_integrals)
    if solver.is_adaptive or solver.gradient == "adjoint":
        return _with_adjoint(joint, y, float(t0), float(t1), solver, num_integrals, list(constants))
    return _forwards(joint, y, float(t0), float(t1), solver, num_integrals, constants)


def _joint(field, num_integrals):
    """The field as one that returns a tuple of rates, of shapes that are checked."""

    def joint(t, y, *constants):
        out = field(t, y, *constants)
        dy, rates = out if num_integrals else (out, ())
        dy = tf.convert_to_tensor(dy)
        if not dy.shape.is_compatible_with(y.shape) or dy.dtype != y.dtype or len(rates) != num_integrals:
            raise ValueError(
                f"Expected a field of shape {y.shape} and dtype {y.dtype.name} with {num_integrals} rates; "
                f"got {dy.shape}, {dy.dtype.name} and {len(rates)}."
            )
        return dy, tuple(rates)

    return joint


def _run(field, state, t0, t1, solver, totals=(), together=False):
    tableau = METHODS[solver.method]
    if not solver.is_adaptive:
        return steps.fixed(field, state, t0, t1, tableau, solver.num_steps, totals)
    return steps.adaptive(field, state, t0, t1, tableau, solver.rtol, solver.atol, solver.max_steps, totals, together)


def _forwards(joint, y, t0, t1, solver, num_integrals, constants):
    def field(t, state):
        dy, rates = joint(t, state[0], *constants)
        return [dy, *rates], []

    zeros = [tf.zeros(tf.shape(y)[:1], y.dtype)] * num_integrals
    found = _run(field, [y, *zeros], t0, t1, solver)
    end = tf.ensure_shape(found.state[0], y.shape)
    return Solution(end, tuple(found.state[1:]), found.status, found.time, found.num_steps, found.num_evaluations)


def _with_adjoint(joint, y, t0, t1, solver, num_integrals, constants):
    found = []
    training = KerasMode()(function=None)

    @tf.custom_gradient
    def run(y, *constants):
        solution = _forwards(joint, y, t0, t1, solver, num_integrals, constants)
        found.append(solution)
        end = tf.stop_gradient(solution.y)

        def gradient(g_y, *g_integrals, variables=()):
            compute = lambda: _backwards(joint, end, t0, t1, solver, constants, g_y, g_integrals, list(variables))
            # Whatever Keras was doing when the solution was asked for is over by now.
            g_y0, g_constants, g_variables = KerasMode()(function=compute, training=training)
            once = lambda g: once_only(g, "a solution by its adjoint; steps of one length have others")
            return [once(g) for g in (g_y0, *g_constants)], [once(g) for g in g_variables]

        return (solution.y, *solution.integrals), gradient

    end, *integrals = run(y, *constants)
    # Else whoever differentiates a function that returns it, times too, goes through every step with zeros, and where
    # an error is exactly zero they become NaN.
    return Solution(end, tuple(integrals), *map(tf.stop_gradient, found[0][2:]))


def _backwards(joint, y, t0, t1, solver, constants, g_y, g_integrals, variables):
    """Gradients by y(t0), by the constants and by the variables."""
    dtype = y.dtype
    # A loss may be a mean over many events, or a sum: the tolerance is one of the largest gradient.
    everything = [tf.reshape(g, [-1]) for g in (g_y, *g_integrals)]
    size = tf.reduce_max(tf.abs(tf.concat([*everything, tf.zeros(1, dtype)], 0)))
    size = tf.where((size > 0) & tf.math.is_finite(size), size, tf.ones([], dtype))
    weights = [g / size for g in g_integrals]
    sources = [*constants, *variables]

    def field(t, state):
        y, a = state
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([y, *sources])
            dy, rates = joint(t, y, *constants)
        pulled = tape.gradient(
            [dy, *rates], [y, *sources], [a, *weights], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        pulled = [-tf.convert_to_tensor(g) for g in pulled]
        return [dy, pulled[0]], pulled[1:]

    totals = [tf.zeros(tf.shape(source), source.dtype) for source in sources]
    found = _run(field, [y, g_y / size], t1, t0, solver, totals, together=bool(totals))
    # What could not be solved has no gradient.
    reached = tf.reduce_all(found.status == 0)
    gradients = [found.state[1], *found.totals]
    scaled = [tf.where(reached, g * tf.cast(size, g.dtype), tf.cast(math.nan, g.dtype)) for g in gradients]
    return scaled[0], scaled[1 : 1 + len(constants)], scaled[1 + len(constants) :]
