"""Bijectors: `tfb.Bijector`s written as two joint methods. They receive their networks and build none."""

from tfp_flows.bijectors.actnorm import ActNorm
from tfp_flows.bijectors.autoregressive import Autoregressive
from tfp_flows.bijectors.batch_norm import BatchNorm
from tfp_flows.bijectors.bijector import Bijector
from tfp_flows.bijectors.chain import Chain
from tfp_flows.bijectors.checkerboard_split import CheckerboardSplit
from tfp_flows.bijectors.continuous import Continuous
from tfp_flows.bijectors.coupling import AdditiveCoupling, AffineCoupling, Coupling
from tfp_flows.bijectors.data_rotation import DataRotation
from tfp_flows.bijectors.elementwise import Elementwise
from tfp_flows.bijectors.embedded_context import EmbeddedContext
from tfp_flows.bijectors.emerging_conv import EmergingConv
from tfp_flows.bijectors.equalize import Equalize
from tfp_flows.bijectors.given import Given
from tfp_flows.bijectors.guided import forward_guided
from tfp_flows.bijectors.haar import Haar
from tfp_flows.bijectors.householder import Householder
from tfp_flows.bijectors.initialization import initializing, is_initializing
from tfp_flows.bijectors.invertible_conv import InvertibleConv1x1
from tfp_flows.bijectors.logit import Logit
from tfp_flows.bijectors.marginal_gaussianization import MarginalGaussianization
from tfp_flows.bijectors.multiscale import MultiScale
from tfp_flows.bijectors.permutation import Permutation
from tfp_flows.bijectors.piecewise_probit import PiecewiseProbit
from tfp_flows.bijectors.planar import Planar
from tfp_flows.bijectors.quantile_map import QuantileMap
from tfp_flows.bijectors.radial import Radial
from tfp_flows.bijectors.rescale import Rescale
from tfp_flows.bijectors.routing import takes_context
from tfp_flows.bijectors.sigmoid import Sigmoid
from tfp_flows.bijectors.solving import solving
from tfp_flows.bijectors.squeeze import Squeeze
from tfp_flows.bijectors.standardize import Standardize
from tfp_flows.bijectors.standardized_context import StandardizedContext
from tfp_flows.bijectors.sylvester import Sylvester

__all__ = [
    "ActNorm", "AdditiveCoupling", "AffineCoupling", "Autoregressive", "BatchNorm", "Bijector", "Chain",
    "CheckerboardSplit", "Continuous",
    "Coupling", "DataRotation",
    "Elementwise", "EmbeddedContext", "EmergingConv", "Equalize", "Given", "Haar", "Householder",
    "InvertibleConv1x1", "Logit",
    "MarginalGaussianization", "MultiScale", "Permutation",
    "PiecewiseProbit", "Planar", "QuantileMap", "Radial", "Rescale", "Sigmoid", "Squeeze", "Standardize",
    "StandardizedContext", "Sylvester",
    "forward_guided", "initializing", "is_initializing", "solving", "takes_context",
]  # fmt: skip
