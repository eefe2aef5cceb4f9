"""Dequantization: integer data made continuous, so that a density on it is a bound on their probability.

    x integer in 0..num_bins-1,  u in [0, 1),  y = x + u
    log P(x) = log int p(x + u) du  >=  E_q(u|x) [ log p(x + u) - log q(u|x) ]

Bins have width 1: scaling to [0, 1] or to logits is a bijector in the chain, whose log_det counts, so that
bits per dimension are those of the data as it comes; data reduced to fewer levels have the bits of the reduced data.
"""

from tfp_flows.dequantization.bins import is_bound
from tfp_flows.dequantization.gaussian import Gaussian
from tfp_flows.dequantization.integer_columns import IntegerColumns
from tfp_flows.dequantization.uniform import Uniform
from tfp_flows.dequantization.variational import Variational

__all__ = ["Gaussian", "IntegerColumns", "Uniform", "Variational", "is_bound"]
