"""Runs: training by recipe, distillation and scoring, each in a directory with all that is needed to go on from it."""

from tfp_flows.runs.distillation import compare, distill
from tfp_flows.runs.evaluation import evaluate, finish
from tfp_flows.runs.run import Run
from tfp_flows.runs.run_log import RunLog
from tfp_flows.runs.train import train

__all__ = ["Run", "RunLog", "compare", "distill", "evaluate", "finish", "train"]
