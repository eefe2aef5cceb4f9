"""Whatever users construct or call says the type of each argument, for editors and type checkers."""

import importlib
import inspect

import pytest

import tfp_flows


def public(module):
    """name -> class or function that a module hands out."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__]
    found = {name: getattr(module, name) for name in names if not name.startswith("_")}
    return {name: v for name, v in found.items() if inspect.isclass(v) or inspect.isfunction(v)}


def ours(value):
    return getattr(value, "__module__", "").partition(".")[0] == "tfp_flows" and inspect.isfunction(value)


def functions(name, value):
    """The functions that users call by a public name: itself, or a constructor, inherited or not, and methods."""
    if not inspect.isclass(value):
        yield name, inspect.unwrap(value)
        return
    for attribute in ("__init__", "__call__", *(n for n in dir(value) if not n.startswith("_"))):
        method = inspect.getattr_static(value, attribute, None)
        method = getattr(method, "__func__", method)
        if ours(method):
            yield name if attribute == "__init__" else f"{name}.{attribute}", inspect.unwrap(method)


def missing(function):
    """The parameters that say no type; of *args and **kwargs none is asked."""
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name not in ("self", "cls")]
    return [p.name for p in parameters if p.annotation is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


@pytest.mark.parametrize("room", ["tfp_flows", *(f"tfp_flows.{module}" for module in tfp_flows._MODULES)])
def test_every_public_argument_says_its_type(room):
    names = public(importlib.import_module(room))
    found = {called: missing(function) for name, value in names.items() for called, function in functions(name, value)}
    assert {name: parameters for name, parameters in found.items() if parameters} == {}
    assert {called.partition(".")[0] for called in found} >= {n for n, v in names.items() if inspect.isfunction(v)}


def test_what_says_no_type_is_found():
    class Wrong:
        def __init__(self, size: int, name=None, **kwargs):
            pass

        @classmethod
        def make(cls, size):
            pass

    class Heir(Wrong):
        pass

    for function in (Wrong.__init__, Wrong.make.__func__):
        function.__module__ = "tfp_flows.somewhere"
    found = {name: missing(function) for name, function in functions("Heir", Heir)}
    assert found == {"Heir": ["name"], "Heir.make": ["size"]}
