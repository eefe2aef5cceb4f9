"""Models: one paper, one file, one class. `Flow` trains any TFP distribution; the others build theirs."""

from tfp_flows.models.flow import Flow
from tfp_flows.models.glow import Glow
from tfp_flows.models.iaf import IAF
from tfp_flows.models.maf import MAF
from tfp_flows.models.nice import NICE
from tfp_flows.models.parallel_wavenet import ParallelWaveNet
from tfp_flows.models.realnvp import RealNVP
from tfp_flows.models.wavenet import WaveNet

__all__ = ["Flow", "Glow", "IAF", "MAF", "NICE", "ParallelWaveNet", "RealNVP", "WaveNet"]
