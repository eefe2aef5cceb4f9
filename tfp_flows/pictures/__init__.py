"""Pictures of samples and of trainings. Needs the extra `plots`."""

from tfp_flows.pictures.pictures import as_images, curve, rows, samples, spectrograms

__all__ = ["as_images", "curve", "rows", "samples", "spectrograms"]
