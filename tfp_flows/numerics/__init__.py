"""Numerics that know nothing of the package: tensor operations, root finding, the wavefront of causal convolutions."""
