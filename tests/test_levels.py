"""The house is in order: imports point down the levels, files are short, and importing the package does no work."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

import tfp_flows

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tfp_flows"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the top: what stands in a row may import what stands below it, and nothing of its own row but itself.
LEVELS = [
    {"cli", "registration"},
    {"commands"},
    {"runs"},
    {"training", "serving", "inference"},
    {"models"},
    {"flow"},
    {"objectives", "metrics", "dequantization"},
    {"bijectors", "networks"},
    {"transforms", "dynamics", "optimizers"},
    {"bridge", "numerics"},
    {"data", "pictures", "plots", "masks", "files", "libraries", "catalog", "catalog_entry", "model_options", "options",
     "environment", "novelty", "wav", "riff", "locks"},
]  # fmt: skip
# Within a row: what may be imported all the same, since it goes one way only.
ALLOWED = {
    ("pictures", "files"), ("plots", "pictures"), ("wav", "files"), ("wav", "riff"), ("data", "wav"),
    ("model_options", "catalog"), ("model_options", "options"), ("data", "options"), ("objectives", "metrics"),
    ("files", "locks"), ("catalog", "catalog_entry"),
}  # fmt: skip


def part(path):
    """tfp_flows/models/flow.py -> models; tfp_flows/cli.py -> cli; tfp_flows/__init__.py -> None."""
    relative = path.relative_to(PACKAGE)
    name = relative.parts[0] if len(relative.parts) > 1 else relative.stem
    return None if name == "__init__" else name


def imported_parts(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name} imports relatively, line {node.lineno}"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            pieces = (name or "").split(".")
            if pieces[0] == "tfp_flows" and len(pieces) > 1:
                yield pieces[1]


def level(name):
    found = [i for i, row in enumerate(LEVELS) if name in row]
    assert found, f"{name!r} stands on no level: add it to LEVELS, where it belongs"
    return found[0]


def faults(path):
    mine = part(path)
    mine_level = level(mine)
    for theirs in set(imported_parts(path)) - {mine, "__version__"}:
        # A name that the package itself hands out, from tfp_flows import Flow, stands as high as its home.
        theirs = tfp_flows._HOMES.get(theirs, f"tfp_flows.{theirs}").split(".")[1]
        if level(theirs) <= mine_level and (mine, theirs) not in ALLOWED:
            yield f"{path.relative_to(ROOT)} imports {theirs}"


@pytest.mark.parametrize("path", [f for f in FILES if part(f)], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path):
    assert list(faults(path)) == []


def test_an_import_that_points_up_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "bijectors").mkdir()
    file = tmp_path / "bijectors" / "wrong.py"
    for text in (
        "from tfp_flows.flow import flow",
        "import tfp_flows.networks.mlp",
        "from tfp_flows import models",
        "from tfp_flows import Flow",
        "def late():\n    from tfp_flows.training import train",
    ):
        file.write_text(text)
        assert len(list(faults(file))) == 1, text
    file.write_text(
        "from tfp_flows.transforms import affine\nfrom tfp_flows.bijectors.chain import Chain\nimport keras"
    )
    assert list(faults(file)) == []
    file.write_text("from ..models import Flow")
    with pytest.raises(AssertionError, match="imports relatively"):
        list(faults(file))


def test_a_part_on_no_level_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "helpers").mkdir()
    file = tmp_path / "helpers" / "more.py"
    file.write_text("import numpy")
    with pytest.raises(AssertionError, match="'helpers' stands on no level"):
        list(faults(file))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_are_short_and_hold_no_assert(path):
    text = path.read_text()
    lines = text.splitlines()
    assert len(lines) <= 300
    assert max(map(len, lines), default=0) <= 120
    assert ast.get_docstring(ast.parse(text)), "a module docstring says what the file is"
    assert not [node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assert)]


def run(code, **env):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT), **env}
    )


def test_importing_the_package_does_no_work():
    code = """
import sys, tfp_flows, tfp_flows.data, tfp_flows.catalog, tfp_flows.cli, tfp_flows.environment, tfp_flows.serving.card
heavy = {"tensorflow", "keras", "tensorflow_probability", "sklearn", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
assert "Flow" in dir(tfp_flows)
"""
    result = run(code)
    assert result.returncode == 0, result.stderr


def test_another_keras_backend_is_refused_in_one_sentence():
    result = run("import tfp_flows", KERAS_BACKEND="torch")
    assert result.returncode and "Expected KERAS_BACKEND to be 'tensorflow'" in result.stderr.splitlines()[-1]


def test_the_catalogue_is_true():
    """Every entry names a class, whose module's docstring names the paper, and the package hands out all of them."""
    import importlib

    from tfp_flows import catalog, models

    for entry in catalog.MODELS.values():
        module, _, name = entry.home.partition(":")
        home = importlib.import_module(module)
        assert getattr(home, name) is getattr(models, name)
        assert entry.arxiv in home.__doc__
        assert getattr(tfp_flows, name) is getattr(home, name) and name in dir(tfp_flows)
    named = {entry.home.partition(":")[2] for entry in catalog.MODELS.values()}
    assert set(models.__all__) == named | {"Flow"}
