"""What README and guides show works: their Python runs, their commands are understood, their links lead somewhere."""

import pathlib
import re
import shlex

import pytest

from tfp_flows import cli

ROOT = pathlib.Path(__file__).resolve().parent.parent
PATHS = [ROOT / "README.md", ROOT / "savedmodels" / "README.md", *sorted((ROOT / "examples" / "guides").glob("*.md"))]
TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in PATHS}


# Whose Python is only compiled, and why.
NOT_RUN = {
    "examples/guides/inference.md": "trains for minutes; examples/inference.py is the first route",
    "examples/guides/scale.md": "of a strategy that no other test may have made; tests/flow/test_distribute.py",
    "examples/guides/serving.md": "asks a server; tests/serving/test_client.py asks one",
    "examples/guides/tables.md": "of a table of the reader's; tests/data/test_tables.py",
    "examples/guides/tfp.md": "trains for minutes; tests/inference has its parts",
}


def blocks(text, kind):
    return re.findall(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL)


def of_kind(kind):
    return [name for name, text in TEXTS.items() if blocks(text, kind)]


COMMANDS = [
    pytest.param(line.strip(), id=f"{name}: {line.strip()}")
    for name, text in TEXTS.items()
    for block in blocks(text, "sh")
    for line in block.splitlines()
    if line.startswith("tfp-flows ")
]


@pytest.mark.parametrize("name", of_kind("python"))
def test_the_python_runs(name, tmp_path, monkeypatch):
    """Of each document from its beginning, as it is read; paths are those of a checkout."""
    codes = [compile(block, name, "exec") for block in blocks(TEXTS[name], "python")]
    if name in NOT_RUN:
        pytest.skip(f"compiled, not run: {NOT_RUN[name]}")
    (tmp_path / "savedmodels").symlink_to(ROOT / "savedmodels")
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in codes:
        exec(code, names)
    if name == "README.md":
        assert (tmp_path / "served" / "moons" / "1" / "saved_model.pb").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_are_understood(command):
    options = cli._parser().parse_args(shlex.split(command, comments=True)[1:])
    assert callable(options.run)


def test_every_command_is_shown():
    shown = {command.values[0].split()[1] for command in COMMANDS}
    offered = next(action for action in cli._parser()._actions if action.dest == "command").choices
    assert shown == set(offered)


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name):
    folder = (ROOT / name).parent
    links = re.findall(r"\]\(([^)#]+)\)", re.sub(r"```.*?```", "", TEXTS[name], flags=re.DOTALL))
    gone = [link for link in links if "://" not in link and not (folder / link).exists()]
    assert not gone, gone


def test_the_front_page_is_one_page():
    assert len(TEXTS["README.md"].splitlines()) <= 170


@pytest.mark.parametrize("name", of_kind("sh"))
def test_scripts_that_are_shown_are_there(name):
    scripts = re.findall(r"(?:python3?|bash) ((?:examples|tests)/[\w/]+\.\w+)", TEXTS[name])
    gone = [script for script in scripts if not (ROOT / script).is_file()]
    assert not gone, gone
