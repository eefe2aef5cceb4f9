"""Objectives: what a flow is trained by. `objective(flow, x, context, seed, training)` -> one value an event."""

from tfp_flows.objectives.conditional_flow_matching import ConditionalFlowMatching
from tfp_flows.objectives.denoising_score_matching import DenoisingScoreMatching
from tfp_flows.objectives.implicit_score_matching import ImplicitScoreMatching
from tfp_flows.objectives.maximum_likelihood import MaximumLikelihood
from tfp_flows.objectives.objective import Objective
from tfp_flows.objectives.regularized_likelihood import RegularizedLikelihood
from tfp_flows.objectives.reverse_kl import ReverseKL
from tfp_flows.objectives.spectral_power import SpectralPower

__all__ = [
    "ConditionalFlowMatching", "DenoisingScoreMatching", "ImplicitScoreMatching", "MaximumLikelihood", "Objective",
    "RegularizedLikelihood", "ReverseKL", "SpectralPower",
]  # fmt: skip
