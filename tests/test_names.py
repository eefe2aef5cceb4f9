"""What the package hands out is what it tells editors that it does, and it says so to type checkers."""

import ast
import importlib
import pathlib
import tomllib

import tfp_flows
from tfp_flows import models

ROOT = pathlib.Path(__file__).resolve().parent.parent


def test_editors_see_every_name():
    tree = ast.parse((ROOT / "tfp_flows" / "__init__.py").read_text())
    (block,) = [n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    seen = set()
    for node in block.body:
        for alias in node.names:
            assert alias.name in ("*", alias.asname), "without `as` it is not handed on"
            module = importlib.import_module(node.module)
            seen |= set(module.__all__) if alias.name == "*" else {alias.name}
    assert seen == {*tfp_flows._HOMES, *tfp_flows._MODULES}
    assert all(getattr(tfp_flows, name) is getattr(models, name) for name in models.__all__)


def test_the_marker_of_annotations_is_packaged():
    assert (ROOT / "tfp_flows" / "py.typed").exists()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["setuptools"]["package-data"]["tfp_flows"] == ["py.typed"]
    assert settings["project"]["license"] == "Apache-2.0" and "Apache License" in (ROOT / "LICENSE").read_text()
