"""Models: one paper, one file, one class. What several share is in `blocks`, the machinery in `tfp_flows.flow`."""

import sys

from tfp_flows.flow import Flow, flow, latent
from tfp_flows.models.blocks import autoregressive_flow, noise
from tfp_flows.models.cnf import CNF
from tfp_flows.models.flow_matching import FlowMatching
from tfp_flows.models.flowpp import FlowPP
from tfp_flows.models.gaussianization import Gaussianization
from tfp_flows.models.glow import Glow
from tfp_flows.models.iaf import IAF
from tfp_flows.models.jet import Jet
from tfp_flows.models.maf import MAF
from tfp_flows.models.ncsn import NCSN
from tfp_flows.models.nice import NICE
from tfp_flows.models.nsf import NSF
from tfp_flows.models.parallel_wavenet import ParallelWaveNet
from tfp_flows.models.planar_flow import PlanarFlow
from tfp_flows.models.realnvp import RealNVP
from tfp_flows.models.score_sde import ScoreSDE
from tfp_flows.models.tarflow import TarFlow
from tfp_flows.models.wavenet import WaveNet

__all__ = [
    "CNF", "Flow", "FlowMatching", "FlowPP", "Gaussianization", "Glow", "IAF", "Jet", "MAF", "NCSN", "NICE", "NSF",
    "ParallelWaveNet", "PlanarFlow", "RealNVP", "ScoreSDE", "TarFlow", "WaveNet",
]  # fmt: skip

# Modules that were documented here, under their former names.
for _module in (autoregressive_flow, flow, latent, noise):
    sys.modules[f"{__name__}.{_module.__name__.rpartition('.')[2]}"] = _module
