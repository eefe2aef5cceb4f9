"""Training: callbacks, run directories and recipes around Keras' `fit`."""

from tfp_flows.training.distillation import compare, distill
from tfp_flows.training.evaluation import evaluate, finish
from tfp_flows.training.fused_adam import FusedAdam
from tfp_flows.training.invertibility import InvertibilityCheck, invertibility_errors
from tfp_flows.training.recipes import train
from tfp_flows.training.run import Run
from tfp_flows.training.run_log import RunLog
from tfp_flows.training.sample_pictures import SamplePictures, draw_samples, sample_classes, sample_events
from tfp_flows.training.scoring import gaussian_nll, marginal_nll, nll_per_event, summarize
from tfp_flows.training.stop_on_nan import StopOnNaN

__all__ = [
    "FusedAdam", "InvertibilityCheck", "Run", "RunLog", "SamplePictures", "StopOnNaN", "compare", "distill",
    "draw_samples", "evaluate", "finish", "gaussian_nll", "invertibility_errors", "marginal_nll", "nll_per_event",
    "sample_classes", "sample_events", "summarize", "train",
]  # fmt: skip
