"""Conditioners: Keras layers `net(x, context=None)` that compute a transform's parameters. They know no bijectors."""

from tfp_flows.networks.convnet import ConvNet
from tfp_flows.networks.made import MADE
from tfp_flows.networks.mlp import MLP
from tfp_flows.networks.pixelcnn import PixelCNN
from tfp_flows.networks.resnet import ResNet
from tfp_flows.networks.wavenet import WaveNet
from tfp_flows.networks.weight_norm import WeightNormConv2D

__all__ = ["MADE", "ConvNet", "MLP", "PixelCNN", "ResNet", "WaveNet", "WeightNormConv2D"]
