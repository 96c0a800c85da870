"""The second note's table, and the probe on any net."""

from pathlib import Path

import pytest

from tests.support.command import Command, start

NONE = "none"
GRADIENTS = {  # f1.weight, f1.bias, f2.weight, f2.bias, f3.weight, f3.bias
    "freeze=null": ["6", "6", "4", "2", "5", "1"],
    "freeze=f2 method=requires_grad": ["6", "6", NONE, NONE, "5", "1"],
    "freeze=f2 method=stop_gradient": [NONE, NONE, NONE, NONE, "5", "1"],
}


def column(out: str) -> dict[str, str]:
    """Return the gradients of a printed table, by parameter."""
    rows = [line.split("  ") for line in out.splitlines()[1:]]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    return {row[0]: row[3] for row in cells}


@pytest.mark.parametrize("overrides", GRADIENTS)
def test_gradients_of_the_second_note(command: Command, overrides: str) -> None:
    ended = command.probe("experiment=seed_pytorch", *overrides.split())
    assert ended.code == 0, ended.err
    names = [f"f{n}.{role}" for n in (1, 2, 3) for role in ("weight", "bias")]
    assert column(ended.out) == dict(zip(names, GRADIENTS[overrides], strict=True))


def test_cut_in_the_middle_leaves_only_what_is_behind_it(command: Command) -> None:
    ended = command.probe("freeze=conv2")
    found = column(ended.out)
    assert [name for name, text in found.items() if text == NONE] == [
        "conv1.weight",
        "conv1.bias",
        "conv2.weight",
        "conv2.bias",
    ]
    assert "upstream of the cut (stop_gradient)" in ended.out
    assert command.left() == []


@pytest.mark.slow
def test_nothing_is_printed_after_the_table(tmp_path: Path) -> None:
    """At its exit Python destroys cells, whose destructor needs what may be gone by then."""
    with start(tmp_path, "trainer.probe", "experiment=seed_pytorch", "freeze=f2") as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "f3.bias" in out


def test_help_and_mistakes(command: Command) -> None:
    assert "usage: python -m trainer.probe" in command.probe("--help").out
    ended = command.probe("freeze=conv9", "epochs=0")
    assert ended.code == 2
    assert "2 configuration errors" in ended.err
