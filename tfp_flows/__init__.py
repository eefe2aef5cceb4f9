"""Normalizing flows for TensorFlow Probability: trained with Keras 3 `fit`, shipped as SavedModels.

Importing this package does no work: every name below is imported from its home on first use, so that
the command line's help answers at once and `import tfp_flows` costs nothing where it is not needed.
"""

import importlib
import os

from tfp_flows.catalog import MODELS as _MODELS

__version__ = "0.1.0"

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
    "flow",
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


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"tfp_flows.{name}")
    raise AttributeError(f"Expected one of {sorted(__all__)}; got {name!r}.")


def __dir__():
    return sorted(__all__)
