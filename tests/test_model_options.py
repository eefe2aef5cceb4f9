"""What is read from the source of a model is what its constructor takes; what is written on a command line is read."""

import ast
import inspect
import subprocess
import sys

import pytest

from tfp_flows import cli, model_options
from tfp_flows.catalog import MODELS
from tfp_flows.commands import texts


@pytest.mark.parametrize("model", MODELS)
def test_options_are_the_constructors(model):
    from tfp_flows.runs.run import model_class

    signature = dict(inspect.signature(model_class(model).__init__).parameters)
    del signature["self"]
    options = model_options.of_model(model)
    assert list(options) == list(signature)
    for name, parameter in signature.items():
        default = options[name].default
        assert (default is None) == (parameter.default is inspect.Parameter.empty), name
        if default is not None:
            assert ast.literal_eval(default) == parameter.default, name
            assert options[name].takes(parameter.default), name


@pytest.mark.parametrize("text, value", [
    ("8", 8), ("1e-3", 1e-3), ("128,128", [128, 128]), ("[64, 64]", [64, 64]), ("(64,32)", [64, 32]), ("(64)", [64]),
    ("64,", [64]), ("no", False), ("Yes", True), ("off", False), ("ON", True), ("true", True), ("FALSE", False),
    ("none", None), ("spline", "spline"), ("0", 0),
])  # fmt: skip
def test_values_are_read(text, value):
    (read,) = texts.assignments([f"some-thing={text}"], "--set").values()
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize("model, name, right, wrong", [
    ("maf", "num_layers", [3, None], [True, 3.0, "3", [3]]),
    ("maf", "hidden_units", [64, [64, 64], (64,), None], ["64", [64.0], True]),
    ("glow", "equalize", [True, False], [1, 0, "no", None]),
    ("glow", "log_scale_bound", [2, 2.5], ["2", True, None]),
    ("nice", "prior", ["logistic"], [1, None]),
])  # fmt: skip
def test_kinds_are_told_apart(model, name, right, wrong):
    for value in right:
        model_options.check(model, {name: value})
    for value in wrong:
        with pytest.raises(ValueError, match=f"Expected {name} of {model} to be of kind .*; got "):
            model_options.check(model, {name: value})


def test_a_wrong_name_is_refused_before_tensorflow_is_imported():
    code = """
import sys
from tfp_flows import cli
for argv in (["list", "maff"], ["train", "maff", "--data", "moons"],
             ["train", "maf", "--data", "moons", "--set", "num_layer=2"]):
    assert cli.main(argv) == 2
assert not {"tensorflow", "keras"} & set(sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0 and result.stderr.count("did you mean") == 3, result.stderr


def test_options_and_version_are_printed(capsys):
    assert cli.main(["list", "RealNVP"]) == 0
    printed = capsys.readouterr().out
    for name, option in model_options.of_model("realnvp").items():
        assert name in ("event_shape", "num_bins", "seed", "name") or f"default {option.default}" in printed, name
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    from tfp_flows import __version__

    assert not stop.value.code and capsys.readouterr().out == f"tfp-flows {__version__}\n"
