"""`tfp_flows.pictures` under its former name."""

from tfp_flows.pictures import as_images, curve, rows, samples, spectrograms

__all__ = ["as_images", "curve", "rows", "samples", "spectrograms"]
