"""Inference from simulations: p(parameters given observation) by a conditional flow, and how far it can be trusted."""

from tfp_flows.inference.calibration import Calibration, simulation_based_calibration
from tfp_flows.inference.coverage import Coverage, expected_coverage, posterior_contraction
from tfp_flows.inference.simulation import simulate, simulations
from tfp_flows.inference.two_samples import c2st

__all__ = [
    "Calibration", "Coverage", "c2st", "expected_coverage", "posterior_contraction", "simulate", "simulations",
    "simulation_based_calibration",
]  # fmt: skip
