"""An override of a method that is gone is refused when its class is made."""

import keras
import pytest

from tfp_flows.bridge.overrides import Overrides
from tfp_flows.bridge.trainer import BuiltByConstructor


def test_a_method_that_is_gone_is_named(monkeypatch):
    class Model(BuiltByConstructor, keras.Model):
        pass

    owner = next(base for base in keras.Model.__mro__ if "_maybe_symbolic_build" in vars(base))
    monkeypatch.delattr(owner, "_maybe_symbolic_build")
    monkeypatch.delattr(keras.Model, "_maybe_symbolic_build", raising=False)
    for base in keras.Model.__mro__[:-1]:
        if "_maybe_symbolic_build" in vars(base):
            monkeypatch.delattr(base, "_maybe_symbolic_build")
    with pytest.raises(ImportError, match="Expected a method '_maybe_symbolic_build' of Model to override by Built"):

        class Other(BuiltByConstructor, keras.Model):
            pass

    with pytest.raises(ImportError, match="Expected a method '_maybe_symbolic_build' of Model"):
        type("Below", (Model,), {})


def test_the_mix_in_comes_first():
    with pytest.raises(ImportError, match="'_speak' of dict"):
        type("Wrong", (type("Quiet", (Overrides,), {"overrides": ("_speak",)}), dict), {})
