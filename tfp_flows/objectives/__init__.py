"""Objectives: what a flow is trained by. `objective(flow, x, context, seed, training)` -> nats, one an event."""

from tfp_flows.objectives.maximum_likelihood import MaximumLikelihood
from tfp_flows.objectives.objective import Objective
from tfp_flows.objectives.reverse_kl import ReverseKL

__all__ = ["MaximumLikelihood", "Objective", "ReverseKL"]
