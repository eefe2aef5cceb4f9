"""Conditioners: Keras layers that compute a transform's parameters. They know nothing of bijectors."""

from tfp_flows.networks.mlp import MLP

__all__ = ["MLP"]
