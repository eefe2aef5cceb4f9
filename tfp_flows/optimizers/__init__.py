"""Optimizers and learning rates, which know nothing of flows."""

from tfp_flows.optimizers.fused_adam import RELATIVE_CLIPNORM, FusedAdam
from tfp_flows.optimizers.moving_average import averaged
from tfp_flows.optimizers.warmup_cosine import WarmupCosine

__all__ = ["RELATIVE_CLIPNORM", "FusedAdam", "WarmupCosine", "averaged"]
