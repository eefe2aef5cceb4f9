"""Bayesian inference with flows: from a density, chains through a flow and evidence; from a simulator, posteriors.

From a density       `Unconstrained`, `neutra`, `Jumps`, `sample_chains`, `importance_sample`, `pareto_k`
From simulations     `simulations`, `simulate`; a flow of parameters given an observation is a posterior, one of
                     observations given parameters makes one by `LikelihoodPosterior`; and whether it can be trusted:
                     `simulation_based_calibration`, `expected_coverage`, `posterior_contraction`, `c2st`
"""

from tfp_flows.inference.calibration import Calibration, simulation_based_calibration
from tfp_flows.inference.chains import Chains, sample_chains
from tfp_flows.inference.coverage import Coverage, expected_coverage, posterior_contraction
from tfp_flows.inference.importance import Weighted, importance_sample
from tfp_flows.inference.jumps import Jumps
from tfp_flows.inference.likelihood import LikelihoodPosterior
from tfp_flows.inference.neutra import neutra
from tfp_flows.inference.pareto import pareto_k
from tfp_flows.inference.simulation import simulate, simulations
from tfp_flows.inference.two_samples import c2st
from tfp_flows.inference.unconstrained import Unconstrained

__all__ = [
    "Calibration", "Chains", "Coverage", "Jumps", "LikelihoodPosterior", "Unconstrained", "Weighted", "c2st",
    "expected_coverage", "importance_sample", "neutra", "pareto_k", "posterior_contraction", "sample_chains",
    "simulate", "simulation_based_calibration", "simulations",
]  # fmt: skip
