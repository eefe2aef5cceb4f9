"""What a named model may be given, read from its source: the command line says so without importing TensorFlow."""

import ast
import functools
import pathlib

from tfp_flows import options
from tfp_flows.catalog import MODELS
from tfp_flows.options import Option


def find_model(name: str) -> str:
    """The name in the catalogue of a model that is written in any case: "RealNVP" -> "realnvp".

    Raises:
        ValueError: where there is none, with the nearest name.

    Example:
        >>> from tfp_flows.model_options import find_model
        >>> find_model("RealNVP"), find_model("parallel-wavenet")
        ('realnvp', 'parallel_wavenet')
    """
    plain = {_plain(known): known for known in MODELS}
    if _plain(name) not in plain:
        near = options.did_you_mean(_plain(name), plain)
        raise ValueError(f"Expected a model among {sorted(MODELS)}; got {name!r}{near}.")
    return plain[_plain(name)]


@functools.cache
def of_model(model: str) -> dict[str, Option]:
    """name -> `Option`, of a model of the catalogue, in the order of its constructor.

    Example:
        >>> from tfp_flows import model_options
        >>> model_options.of_model("nice")["num_layers"]
        Option(name='num_layers', kind='int', default='4')
    """
    home, _, kind = MODELS[find_model(model)].home.partition(":")
    return {option.name: option for option in _of_class(home, kind)}


def check(model: str, arguments: dict) -> None:
    """Refuses arguments that a model does not have, and values that are of another kind than it takes.

    Args:
        model: str, of the catalogue.
        arguments: dict of JSON's kinds of values.

    Raises:
        ValueError: naming the first, what was expected and, for a name, the nearest.
    """
    known = {name: option for name, option in of_model(model).items() if name != "name"}
    options.check(arguments, known, model, "arguments")


# What the data decide, or an option of its own says -> what says it, for a sentence.
DECIDED = {
    "event_shape": "which the data have",
    "num_bins": "which the data have (num_bins of --data-set, of a file)",
    "seed": "which --seed is",
    "name": "which the run directory is",
    "context_network": "which is made in Python, for data that come with contexts of their own",
    "context_shape": "for data by name or of a file come with labels at most (--conditional)",
}
# Integers that may be 0; all others are sizes.
_FROM_ZERO = ("edges", "integer_columns")


def check_given(model: str, arguments: dict) -> None:
    """Refuses what a user may not give a model that is trained on data by its name.

    Args:
        model: str, of the catalogue.
        arguments: dict of JSON's kinds of values.

    Raises:
        ValueError: as `check`, and for what the data or another option decide, and sizes below 1.

    Example:
        >>> from tfp_flows import model_options
        >>> model_options.check_given("nice", {"seed": 3})
        Traceback (most recent call last):
        ValueError: Expected arguments of nice without seed, which --seed is; got 3.
    """
    for name, value in arguments.items():
        if name in DECIDED:
            raise ValueError(f"Expected arguments of {model} without {name}, {DECIDED[name]}; got {value!r}.")
    check(model, arguments)
    for name, value in arguments.items():
        sizes = value if isinstance(value, (list, tuple)) else [value]
        if "int" in of_model(model)[name].kind and name not in _FROM_ZERO and not all(map(_is_size, sizes)):
            what = "positive integers" if sizes is value else "a positive integer"
            raise ValueError(f"Expected {name} to be {what}; got {value!r}.")


def _of_class(home, kind):
    """The options of a class; those of the class above it where it has no constructor of its own."""
    module = _source(home)
    (found,) = (node for node in module.body if isinstance(node, ast.ClassDef) and node.name == kind)
    for node in found.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return _options(node.args, module)
    base = ast.unparse(found.bases[0])
    return _of_class(_origin(module, base), base)


@functools.cache
def _source(home):
    path = pathlib.Path(__file__).parent.joinpath(*home.split(".")[1:]).with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def _origin(module, name):
    """The module that a name is imported from."""
    imports = (node for node in module.body if isinstance(node, ast.ImportFrom))
    (source,) = (node.module for node in imports if name in [alias.asname or alias.name for alias in node.names])
    return source


def _options(arguments, module):
    named = arguments.args[1:]
    missing = [None] * (len(named) - len(arguments.defaults))
    pairs = [*zip(named, [*missing, *arguments.defaults]), *zip(arguments.kwonlyargs, arguments.kw_defaults)]
    return [
        Option(node.arg, ast.unparse(node.annotation), None if default is None else _text(default, module))
        for node, default in pairs
    ]


def _text(default, module):
    """A default as it is written, that of a constant by its value."""
    if not isinstance(default, ast.Name):
        return ast.unparse(default)
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == default.id:
            return _text(node.value, module)
    return _text(default, _source(_origin(module, default.id)))


def _is_size(value):
    return not isinstance(value, int) or isinstance(value, bool) or value > 0


def _plain(name):
    return str(name).lower().replace("-", "").replace("_", "").replace(" ", "")
