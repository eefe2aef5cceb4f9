"""Objectives: what a flow is trained by. `objective(flow, x, context, seed, training)` -> nats, one an event."""

from tfp_flows.objectives.maximum_likelihood import MaximumLikelihood

__all__ = ["MaximumLikelihood"]
