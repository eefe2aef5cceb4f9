"""What a named model may be given, read from its source: the command line says so without importing TensorFlow."""

import ast
import dataclasses
import difflib
import functools
import numbers
import pathlib

from tfp_flows.catalog import MODELS


@dataclasses.dataclass(frozen=True)
class Option:
    """One argument of a named model.

    Attributes:
        name: str.
        kind: str, its annotation, such as "int | None".
        default: str, as the source has it; None where it must be given.
    """

    name: str
    kind: str
    default: str | None

    def takes(self, value) -> bool:
        """Whether a value, of JSON's kinds, is of the annotated kind."""
        return any(_is_of(kind.strip(), value) for kind in self.kind.split("|"))


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
        near = _nearest(_plain(name), plain)
        meant = f" (did you mean {plain[near]!r}?)" if near else ""
        raise ValueError(f"Expected a model among {sorted(MODELS)}; got {name!r}{meant}.")
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
    for name, value in arguments.items():
        if name not in known:
            near = _nearest(name, known)
            meant = f" (did you mean {near!r}?)" if near else ""
            raise ValueError(f"Expected arguments of {model} among {list(known)}; got {name!r}{meant}.")
        if not known[name].takes(value):
            raise ValueError(f"Expected {name} of {model} to be of kind {known[name].kind}; got {value!r}.")


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


def _is_of(kind, value):
    if kind == "None":
        return value is None
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if kind == "float":
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    if kind == "str":
        return isinstance(value, str)
    if kind.startswith(("Sequence[int", "tuple[int")):
        return isinstance(value, (list, tuple)) and all(_is_of("int", part) for part in value)
    # Of a kind that JSON has no values of.
    return callable(value)


def _plain(name):
    return str(name).lower().replace("-", "").replace("_", "").replace(" ", "")


def _nearest(name, known):
    return next(iter(difflib.get_close_matches(name, list(known), 1)), None)
