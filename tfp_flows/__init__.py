"""Normalizing flows for TensorFlow Probability: trained with Keras 3 `fit`, shipped as SavedModels.

Importing this package does no work: every name below is imported from its home on first use, so that
the command line's help answers at once and `import tfp_flows` costs nothing where it is not needed.
"""

import importlib
import os
from typing import TYPE_CHECKING

from tfp_flows import registration as _registration

if TYPE_CHECKING:  # the table below, for editors and type checkers; X as X is how they know what is handed on
    from tfp_flows import bijectors as bijectors
    from tfp_flows import data as data
    from tfp_flows import dequantization as dequantization
    from tfp_flows import dynamics as dynamics
    from tfp_flows import flow as flow
    from tfp_flows import inference as inference
    from tfp_flows import masks as masks
    from tfp_flows import metrics as metrics
    from tfp_flows import models as models
    from tfp_flows import networks as networks
    from tfp_flows import novelty as novelty
    from tfp_flows import objectives as objectives
    from tfp_flows import pictures as pictures
    from tfp_flows import plots as plots
    from tfp_flows import runs as runs
    from tfp_flows import serving as serving
    from tfp_flows import training as training
    from tfp_flows import transforms as transforms
    from tfp_flows import wav as wav
    from tfp_flows.dequantization import Uniform as Uniform
    from tfp_flows.dequantization import Variational as Variational
    from tfp_flows.models import *  # noqa: F403  Flow and every named model

from tfp_flows.catalog import MODELS as _MODELS

__version__ = "0.2.0.dev0"

# name -> module that defines it
_HOMES = {
    "Flow": "tfp_flows.flow.flow",
    "Uniform": "tfp_flows.dequantization",
    "Variational": "tfp_flows.dequantization",
    **{entry.home.partition(":")[2]: entry.home.partition(":")[0] for entry in _MODELS.values()},
}
_MODULES = (
    "bijectors",
    "transforms",
    "networks",
    "objectives",
    "dynamics",
    "flow",
    "inference",
    "models",
    "training",
    "runs",
    "serving",
    "data",
    "dequantization",
    "masks",
    "metrics",
    "novelty",
    "pictures",
    "plots",
    "wav",
)
__all__ = ["__version__", *_HOMES, *_MODULES]

_backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
if _backend != "tensorflow":
    raise ImportError(
        f"Expected KERAS_BACKEND to be 'tensorflow' (TensorFlow Probability runs on no other); got {_backend!r}."
    )

_registration.watch()  # `keras.models.load_model` finds our classes by their names, without importing them now


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"tfp_flows.{name}")
    raise AttributeError(f"Expected one of {sorted(__all__)}; got {name!r}.")


def __dir__():
    return sorted(__all__)
