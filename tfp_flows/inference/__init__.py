"""Inference from simulations: p(parameters given observation) by a conditional flow, and how far it can be trusted."""

from tfp_flows.inference.two_samples import c2st

__all__ = ["c2st"]
