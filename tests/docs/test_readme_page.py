"""The README is true: its own example runs, and its table names every exit code."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Command
from trainer.core import errors

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_example_of_an_own_model_runs(tmp_path: Path) -> None:
    section = README.partition("## Fine-tune your own model")[2].partition("\n## ")[0]
    module, commands, screen = re.findall(r"^```\w*\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    (tmp_path / "my_task.py").write_text(module)
    for command in commands.replace("\\\n", " ").strip().split("\n\n"):
        program, *arguments = shlex.split(command)
        assert program == "python"
        ended = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
    printed = ended.stdout.splitlines()
    for line in screen.splitlines():
        if not line.startswith("device"):
            assert line in printed


def test_the_commands_for_photos_are_valid(command: Command, photos: Path) -> None:
    section = README.partition("## Fine-tune your own photos")[2].partition("\n## ")[0]
    (commands,) = re.findall(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    program, _, module, *lines = shlex.split(commands.replace("\\\n", " ").partition("\n\n")[0])
    assert (program, module) == ("python", "trainer")
    assert "dataset.root=photos" in lines
    # Without the weights that the user installs, as the page says.
    scratch = ["init_from=null", "new_head=[]"]
    ended = command.plan(*lines[:-1], *scratch, f"dataset.root={photos}")
    assert ended.code == 0, ended.err
    assert "2,562 trainable" in ended.out


def test_the_table_names_every_exit_code() -> None:
    table = README.partition("## Exit codes")[2].partition("\n## ")[0]
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    raised = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.TrainerExit)
    }
    assert raised <= listed


def test_the_screen_is_that_of_the_command(command: Command) -> None:
    section = README.partition("## What a run prints")[2].partition("\n## ")[0]
    (shown,) = re.findall(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    first, *expected = shown.splitlines()
    program, *overrides = shlex.split(first.removeprefix("$ python -m "))
    assert program == "trainer"
    ended = command.train(*overrides, "hydra.run.dir=outputs/2026-01-01/12-00-00")
    assert ended.code == 0, ended.err
    printed = ended.out.replace(f"{command.folder}/", "").splitlines()
    assert [_without_numbers(line) for line in printed] == [
        _without_numbers(line) for line in expected
    ]


def _without_numbers(line: str) -> str:
    """Leave out what depends on the machine: numbers, hashes, and the line of the device."""
    if line.startswith(("device", "manifest")):
        return line.split()[0]
    return re.sub(r" +[-+.,\d]+(e[-+]\d+)?", " #", line)
