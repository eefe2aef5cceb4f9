"""Stateless elementwise families that couplings, autoregressive and elementwise bijectors drive by parameters."""

from tfp_flows.transforms.affine import Affine
from tfp_flows.transforms.circular_spline import CircularSpline
from tfp_flows.transforms.logistic_mixture import LogisticMixture
from tfp_flows.transforms.mixture_probit import MixtureProbit
from tfp_flows.transforms.named import NAMED, choose_transform
from tfp_flows.transforms.shift import Shift
from tfp_flows.transforms.sigmoid_affine import SigmoidAffine
from tfp_flows.transforms.sinh_arcsinh import SinhArcsinh
from tfp_flows.transforms.spline import RationalQuadraticSpline
from tfp_flows.transforms.transform import Transform

__all__ = [
    "NAMED", "Affine", "CircularSpline", "LogisticMixture", "MixtureProbit", "RationalQuadraticSpline", "Shift",
    "SigmoidAffine",
    "SinhArcsinh", "Transform", "choose_transform",
]  # fmt: skip
