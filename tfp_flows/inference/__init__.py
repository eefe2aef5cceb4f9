"""Bayesian inference with a fitted flow: chains through it, proposals from it, importance sampling, evidence."""

from tfp_flows.inference.chains import Chains, sample_chains
from tfp_flows.inference.importance import Weighted, importance_sample
from tfp_flows.inference.jumps import Jumps
from tfp_flows.inference.neutra import neutra
from tfp_flows.inference.pareto import pareto_k
from tfp_flows.inference.unconstrained import Unconstrained

__all__ = ["Chains", "Jumps", "Unconstrained", "Weighted", "importance_sample", "neutra", "pareto_k", "sample_chains"]
