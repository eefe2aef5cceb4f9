"""Samples of a flow of continuous time by a solver of their own, of few steps for example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from tfp_flows.bijectors import solving
from tfp_flows.dynamics import Solver, solve
from tfp_flows.flow import temperature as temperatures
from tfp_flows.flow.guidance import check_guidance, guided
from tfp_flows.flow.sampler import DistributionSampler, Sampler, require

if TYPE_CHECKING:
    from tfp_flows.flow import Flow


class ODESampler(Sampler):
    """z ~ base, at the temperature, carried along the velocity field by a solver; densities keep the flow's own.

    Args:
        solver: `tfp_flows.dynamics.Solver`; None for the flow's own.
        guidance: float >= 0, of a model of classes, see `tfp_flows.flow.guidance`; 1 for none.

    Raises:
        ValueError: where the solver is none, or for a bad guidance.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.FlowMatching((2,), hidden_units=16)
        >>> flow.sampler = tfp_flows.flow.ODESampler(tfp_flows.dynamics.Solver("heun", num_steps=10))
        >>> flow.sample(5, seed=0).shape.as_list()
        [5, 2]
    """

    def __init__(self, solver: Solver | None = None, guidance: float = 1.0):
        if solver is not None and not isinstance(solver, Solver):
            raise ValueError(f"Expected solver to be a tfp_flows.dynamics.Solver or None; got {solver!r}.")
        check_guidance(guidance)
        self.solver, self.guidance, self._inner = solver, guidance, DistributionSampler()

    def for_serving(self) -> Sampler:
        served = ODESampler(self.solver, self.guidance)
        served._inner = self._inner.for_serving()
        return served

    def __call__(self, flow: Flow, n: int, seed: tf.Tensor, temperature: float, context: tf.Tensor | None) -> tf.Tensor:
        if self.guidance == 1:
            with solving(self.solver, log_det=False):
                return self._inner(flow, n, seed, temperature, context)
        if not hasattr(flow, "continuous"):
            raise ValueError(f"Expected a model with a velocity field, as FlowMatching; got {type(flow).__name__}.")
        z = temperatures.draw(flow.base, n, seed, temperature)
        velocity = guided(flow.continuous.velocity, flow, flow.context_at_the_field(context), self.guidance)
        solver = self.solver or flow.continuous.solver
        solution = solve(lambda t, x: velocity(x, t), z, *flow.continuous.times, solver)
        sentence = "Expected the solver to reach its end for every event; got {} that it does not."
        failed = tf.reduce_sum(tf.cast(solution.status != 0, tf.int32))
        with tf.control_dependencies([require(failed == 0, sentence, [failed])]):
            return flow.from_the_field(tf.identity(solution.y))
