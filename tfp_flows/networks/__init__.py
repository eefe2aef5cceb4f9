"""Conditioners: Keras layers `net(x, context=None)` that compute a transform's parameters. They know no bijectors.

Names are imported on first use: what Keras finds in a file is read from the table below, without TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the table below, for editors and type checkers; X as X is how they know what is handed on
    from tfp_flows.networks.causal_transformer import CausalTransformer as CausalTransformer
    from tfp_flows.networks.convnet import ConvNet as ConvNet
    from tfp_flows.networks.gated_attention import GatedAttention as GatedAttention
    from tfp_flows.networks.made import MADE as MADE
    from tfp_flows.networks.mlp import MLP as MLP
    from tfp_flows.networks.of_context import OfContext as OfContext
    from tfp_flows.networks.pixelcnn import PixelCNN as PixelCNN
    from tfp_flows.networks.potential import PotentialField as PotentialField
    from tfp_flows.networks.probability_flow import ProbabilityFlow as ProbabilityFlow
    from tfp_flows.networks.resnet import ResNet as ResNet
    from tfp_flows.networks.time_mlp import TimeMLP as TimeMLP
    from tfp_flows.networks.transformer import Transformer as Transformer
    from tfp_flows.networks.unet import UNet as UNet
    from tfp_flows.networks.wavenet import WaveNet as WaveNet
    from tfp_flows.networks.weight_norm import WeightNormConv2D as WeightNormConv2D

# name -> module that defines it
HOMES = {
    "CausalTransformer": "causal_transformer",
    "ConvNet": "convnet",
    "GatedAttention": "gated_attention",
    "MADE": "made",
    "MLP": "mlp",
    "OfContext": "of_context",
    "PixelCNN": "pixelcnn",
    "PotentialField": "potential",
    "ProbabilityFlow": "probability_flow",
    "ResNet": "resnet",
    "TimeMLP": "time_mlp",
    "Transformer": "transformer",
    "UNet": "unet",
    "WaveNet": "wavenet",
    "WeightNormConv2D": "weight_norm",
}
__all__ = [*HOMES]


def __getattr__(name):
    if name in HOMES:
        return getattr(importlib.import_module(f"tfp_flows.networks.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
