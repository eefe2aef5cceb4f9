"""Stateless elementwise families that couplings, autoregressive and elementwise bijectors drive by parameters."""

from tfp_flows.transforms.affine import Affine
from tfp_flows.transforms.logistic_mixture import LogisticMixture
from tfp_flows.transforms.shift import Shift
from tfp_flows.transforms.spline import RationalQuadraticSpline
from tfp_flows.transforms.transform import Transform

__all__ = ["Affine", "LogisticMixture", "RationalQuadraticSpline", "Shift", "Transform"]
