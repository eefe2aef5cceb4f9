"""Runs: training by recipe, distillation and scoring, each in a directory with all that is needed to go on from it.

Names are imported on first use: a run directory is opened, or refused, without TensorFlow.
"""

import importlib

# name -> module that defines it. No module has the name of what it exports, which importing it would hide.
_HOMES = {
    "Config": "config",
    "Run": "run",
    "RunLog": "run_log",
    "compare": "divergence",
    "distill": "distillation",
    "evaluate": "evaluation",
    "finish": "evaluation",
    "train": "training",
}
__all__ = [*_HOMES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"tfp_flows.runs.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
