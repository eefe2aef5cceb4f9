"""Training: callbacks, optimizers and scores around Keras' `fit`."""

import importlib

from tfp_flows.optimizers import FusedAdam
from tfp_flows.training.invertibility import InvertibilityCheck, invertibility_errors
from tfp_flows.training.sample_pictures import SamplePictures, draw_samples, sample_classes, sample_events
from tfp_flows.training.scoring import gaussian_nll, marginal_nll, nll_per_event, summarize
from tfp_flows.training.stop_on_nan import StopOnNaN
from tfp_flows.training.trajectories import trajectories
from tfp_flows.training.trajectory_pictures import draw_trajectories

# What is in `tfp_flows.runs` has been here, and may still be asked for here: late, for runs stand above.
_OF_RUNS = ("Run", "RunLog", "compare", "distill", "evaluate", "finish", "train")

__all__ = [
    "FusedAdam", "InvertibilityCheck", "SamplePictures", "StopOnNaN", "draw_samples", "draw_trajectories",
    "gaussian_nll", "invertibility_errors", "marginal_nll", "nll_per_event", "sample_classes", "sample_events",
    "summarize", "trajectories", *_OF_RUNS,
]  # fmt: skip


def __getattr__(name):
    if name in _OF_RUNS:
        return getattr(importlib.import_module("tfp_flows.runs"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
