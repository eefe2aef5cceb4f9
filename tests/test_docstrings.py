"""Every example in a public docstring runs and shows what it says."""

import doctest
import importlib
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
    "Transform": "abstract",
    "Bijector": "abstract",
    "RunLog": "a part of training.train",
    "ServedFlow": "made by load, whose example shows it",
    "takes_context": "one word",
    "is_initializing": "one word",
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, tmp_path, monkeypatch):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"an extra is not installed: {NEEDS[name]}")
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs=GLOBALS, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0


@pytest.mark.parametrize(
    "package", ["bijectors", "transforms", "networks", "objectives", "models", "data", "serving", "training"]
)
def test_public_names_have_docstrings_with_examples(package):
    package = importlib.import_module(f"tfp_flows.{package}")
    for name in package.__all__:
        thing = getattr(package, name)
        if not callable(thing):
            continue
        assert thing.__doc__, name
        if isinstance(thing, type) and name not in BARE:
            assert "Example" in thing.__doc__ or ">>>" in thing.__doc__, name
