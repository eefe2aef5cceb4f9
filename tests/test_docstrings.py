"""Every example in a public docstring runs and shows what it says, and every public name has one."""

import doctest
import importlib
import inspect
import math
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(tfp_flows.__path__, "tfp_flows.")
    if module.name != "tfp_flows.__main__"
)
GLOBALS = dict(np=np, tf=tf, tfp=tfp, tfb=tfp.bijectors, tfd=tfp.distributions, keras=keras, math=math)
# A module, or a room with all its modules -> what it needs of the extras.
NEEDS = {"tfp_flows.data.digits": "sklearn", "tfp_flows.pictures": "matplotlib", "tfp_flows.plots": "matplotlib",
         "tfp_flows.inference": "sklearn"}  # fmt: skip
FORMER = {("tfp_flows.training", name) for name in tfp_flows.runs.__all__}

# Public names without an example, and why.
BARE = {
    "flow.SamplingError": "an exception; flow.sampler.require, which raises it, has one",
    "dynamics.SolverError": "an exception; require_reached, which raises it, has one",
    "runs.RunLog": "a part of train",
    "runs.train": "writes a run directory; examples/quickstart.py shows it",
    "runs.distill": "needs a run; examples/distillation.py shows it",
    "runs.evaluate": "needs a run directory",
    "runs.finish": "needs a run directory",
    "training.draw_samples": "needs a run directory",
    "training.sample_events": "one call on a trained flow",
    "training.sample_classes": "one call on a trained flow",
    "training.nll_per_event": "one call on a trained flow",
    "training.marginal_nll": "one call on a trained flow",
    "training.summarize": "a mean and its error",
    "training.gaussian_nll": "one call on two arrays",
    "training.invertibility_errors": "one call on a trained flow",
    "inference.Calibration": "made by simulation_based_calibration, whose example shows it",
    "inference.Coverage": "made by expected_coverage, whose example shows it",
    "serving.ServedFlow": "made by load, whose example shows it",
    "serving.ServerError": "an exception; Client's example shows it",
}


def load(name):
    for part, extra in NEEDS.items():
        if name == part or name.startswith(f"{part}."):
            pytest.importorskip(extra, reason=f"an extra is not installed: {extra}")
    return importlib.import_module(name)


def public_names():
    """(name below tfp_flows, thing) of whatever a sub-package or a module of the first level exports."""
    for module in MODULES:
        if module.count(".") == 1:
            part = importlib.import_module(module)
            for name in getattr(part, "__all__", ()):
                # Once: runs hand out under training what has been there.
                if callable(getattr(part, name)) and (module, name) not in FORMER:
                    yield f"{module.split('.')[1]}.{name}", getattr(part, name)
    for module in ("masks", "numerics.tensors"):
        for name, thing in vars(importlib.import_module(f"tfp_flows.{module}")).items():
            if inspect.isfunction(thing) and not name.startswith("_"):
                yield f"{module}.{name}", thing


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, tmp_path, monkeypatch):
    module = load(name)
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(module, extraglobs=GLOBALS, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0


def test_public_names_have_examples():
    lacking = {name for name, thing in public_names() if ">>>" not in (thing.__doc__ or "")}
    assert lacking == set(BARE), "what lacks an example is in BARE with its reason, and nothing else is"
