"""Samples of a flow of continuous time by a solver of their own, of few steps for example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from tfp_flows.bijectors import solving
from tfp_flows.dynamics import Solver
from tfp_flows.flow.sampler import DistributionSampler, Sampler

if TYPE_CHECKING:
    from tfp_flows.flow import Flow


class ODESampler(Sampler):
    """z ~ base, at the temperature, carried along the velocity field by a solver; densities keep the flow's own.

    Args:
        solver: `tfp_flows.dynamics.Solver`.

    Raises:
        ValueError: where it is none.

    Example:
        >>> import tfp_flows
        >>> flow = tfp_flows.FlowMatching((2,), hidden_units=16)
        >>> flow.sampler = tfp_flows.flow.ODESampler(tfp_flows.dynamics.Solver("heun", num_steps=10))
        >>> flow.sample(5, seed=0).shape.as_list()
        [5, 2]
    """

    def __init__(self, solver: Solver):
        if not isinstance(solver, Solver):
            raise ValueError(f"Expected solver to be a tfp_flows.dynamics.Solver; got {solver!r}.")
        self.solver, self._inner = solver, DistributionSampler()

    def for_serving(self) -> Sampler:
        served = ODESampler(self.solver)
        served._inner = self._inner.for_serving()
        return served

    def __call__(self, flow: Flow, n: int, seed: tf.Tensor, temperature: float, context: tf.Tensor | None) -> tf.Tensor:
        with solving(self.solver, log_det=False):
            return self._inner(flow, n, seed, temperature, context)
