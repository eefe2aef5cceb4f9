"""Flow: the `keras.Model` around any distribution, and its machinery. Knows no paper."""

from tfp_flows.flow.autoregressive_sampler import AutoregressiveSampler
from tfp_flows.flow.flow import Flow
from tfp_flows.flow.langevin_sampler import AnnealedLangevin
from tfp_flows.flow.named_sampler import named_sampler
from tfp_flows.flow.ode_sampler import ODESampler
from tfp_flows.flow.sampler import DistributionSampler, Sampler, SamplingError
from tfp_flows.flow.sde_sampler import SDESampler

__all__ = [
    "AnnealedLangevin", "AutoregressiveSampler", "DistributionSampler", "Flow", "ODESampler", "SDESampler", "Sampler",
    "SamplingError", "named_sampler",
]  # fmt: skip
