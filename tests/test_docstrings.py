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
NEEDS = {"tfp_flows.data.digits": "sklearn", "tfp_flows.plots": "matplotlib"}

# Public names without an example, and why.
BARE = {
    "flow.SamplingError": "an exception; flow.sampler.require, which raises it, has one",
    "pictures.as_images": "an array or None",
    "pictures.curve": "writes a PNG; a run's curve.png shows it",
    "pictures.rows": "writes a PNG; tfp-flows sample shows it",
    "pictures.samples": "writes a PNG; tfp-flows sample shows it",
    "pictures.spectrograms": "writes a PNG; tfp-flows sample shows it",
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
    "serving.ServedFlow": "made by load, whose example shows it",
}


def load(name):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"an extra is not installed: {NEEDS[name]}")
    return importlib.import_module(name)


def public_names():
    """(name below tfp_flows, thing) of whatever a sub-package or a module of the first level exports."""
    for module in MODULES:
        if module.count(".") == 1 and module not in NEEDS:
            part = importlib.import_module(module)
            # What is handed out under a former name as well is looked at in its home.
            for name in set(getattr(part, "__all__", ())) - set(getattr(part, "_OF_RUNS", ())):
                if callable(getattr(part, name)):
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
