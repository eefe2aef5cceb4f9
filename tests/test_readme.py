"""What the README shows works: its Python example runs, its commands are understood."""

import pathlib
import re
import shlex

import pytest

from tfp_flows import cli

README = (pathlib.Path(__file__).resolve().parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    line.strip()
    for kind, block in BLOCKS
    if kind == "sh"
    for line in block.splitlines()
    if line.startswith("tfp-flows ")
]


def test_the_python_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = [block for kind, block in BLOCKS if kind == "python"]
    assert examples
    for example in examples:
        exec(compile(example, "README.md", "exec"), {})
    assert (tmp_path / "served" / "moons" / "1" / "saved_model.pb").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_are_understood(command):
    options = cli._parser().parse_args(shlex.split(command, comments=True)[1:])
    assert callable(options.run)


def test_every_command_is_shown():
    shown = {shlex.split(command)[1] for command in COMMANDS}
    assert shown == {
        "list",
        "train",
        "distill",
        "evaluate",
        "sample",
        "trajectories",
        "interpolate",
        "reconstruct",
        "novelty",
        "export",
    }
