"""Data: data sets by name or from files, toys with exact densities, and batches in a reproducible order."""

from tfp_flows.data.dataset import Data
from tfp_flows.data.labels import Labels
from tfp_flows.data.pipeline import batches, set_epoch
from tfp_flows.data.registry import load, names, options

__all__ = ["Data", "Labels", "batches", "load", "names", "options", "set_epoch"]
