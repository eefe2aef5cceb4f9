"""An override of a method that is gone is refused when its class is made."""

import keras
import numpy as np
import pytest

from tfp_flows.bridge.overrides import Overrides
from tfp_flows.bridge.trainer import BuiltByConstructor, loss_tracker


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


def test_keras_builds_no_shapes_and_the_loss_is_found():
    class Model(BuiltByConstructor, keras.Model):
        def train_step(self, data):
            loss_tracker(self).update_state(2.0)
            return {"loss": loss_tracker(self).result()}

    model = Model()
    model.built = True
    model.compile("sgd", "mse")
    assert loss_tracker(model) is model.metrics[0]
    assert model.fit(np.ones([1, 1]), verbose=0).history == {"loss": [2.0]}
