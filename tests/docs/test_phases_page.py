"""What docs/phases.md shows is what the commands print, and its examples are accepted."""

import re
import shlex
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT, Command, Ended

PAGE = (CHECKOUT / "docs" / "phases.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [text for name, text in fences if name == language]


def shown(start: str) -> tuple[list[str], str]:
    """Return the words of a command on the page, without the first four, and its output."""
    (block,) = (block for block in blocks("") if block.startswith(f"$ {start}"))
    line, _, output = block.partition("\n")
    return shlex.split(line)[4:], output


def test_the_list_is_accepted(command: Command) -> None:
    (text,) = blocks("yaml")
    (command.folder / "my.yaml").write_text(text)
    ended = command.plan("phases.file=my.yaml", "epochs=10")
    assert ended.code == 0, ended.err
    assert "accuracy (2), at most 4 epochs" in ended.out


def test_the_plan_is_as_it_is_shown(command: Command) -> None:
    words, output = shown("python -m trainer.plan")
    assert command.plan(*words).out == output
    written = command.folder / "my.yaml"
    assert command.plan(f"phases.file={written.name}").out == output.replace(", my.yaml", "")


def test_the_errors_are_as_they_are_shown(command: Command) -> None:
    words, output = shown("python -m trainer 'phases.list=[{name: a, freeze:")
    assert command.train(*words) == Ended(2, "", output)


@pytest.mark.slow
def test_a_run_reports_its_phases_as_it_is_shown(command: Command) -> None:
    words, output = shown("python -m trainer phases=lp_ft")
    ended = command.train(*words, "phases=lp_ft")
    assert ended.code == 0, ended.err
    lines = [line for line in output.splitlines() if line.startswith("phase")]
    assert len(lines) == 2
    assert set(lines) <= set(ended.out.splitlines())


def test_the_generator_runs(command: Command) -> None:
    (code,) = blocks("python")
    command.add_module("my_package", code)
    words = re.findall(r"\S+", code.splitlines()[0].partition("python -m trainer ")[2])
    ended = command.plan(*words)
    assert ended.code == 0, ended.err
    assert re.search(r"^head +50% of the run", ended.out, re.MULTILINE)


def test_every_command_of_the_table_is_accepted(command: Command, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("list: [{name: a}]\n")
    rows = re.findall(r"^\| `python -m trainer (phases\S+)` \|", PAGE, re.MULTILINE)
    assert len(rows) == 6
    for words in rows:
        ended = command.plan(words, "out=out")
        assert ended.code == 0, ended.err
