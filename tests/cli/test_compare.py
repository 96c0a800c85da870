from pathlib import Path

import pytest

from tests.support.command import Command, Ended
from trainer.artifacts.run_record import MetricsLine
from trainer.launch.results.comparison import compare_curves

RUNS = ["freeze=null+policy=none", "method=requires_grad", "method=stop_gradient"]


def compared(command: Command) -> Ended:
    return command.compare("freeze=conv1", "epochs=1", "compare.dir=here")


@pytest.mark.slow
def test_a_comparison_shows_both_methods_equal_and_what_freezing_prevents(command: Command) -> None:
    ended = compared(command)
    assert ended.code == 0, ended.err
    here = command.folder / "here"
    assert sorted(path.parent.name for path in here.glob("*/proof.json")) == RUNS
    table = [line for line in ended.out.splitlines() if "%" in line]
    stop, flag, nothing = (line.split() for line in table)
    assert (stop[0], flag[0], nothing[0]) == (RUNS[2], RUNS[1], RUNS[0])
    assert " ".join(flag).endswith("bitwise equal")
    assert stop[1:5] == flag[1:5]
    assert stop[5] == flag[5] == "0", "the drift of what is frozen"
    assert float(nothing[5]) > 0, "what is not frozen moves"
    assert "differs from epoch 1 on" in " ".join(nothing)
    assert (here / "compare.png").exists()
    assert "freeze: null" in (here / RUNS[0] / ".hydra/config.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["epochs=1"], "compare: expected freeze, policy or phases, received none of them"),
        (["freeze=conv1", "method=stop_gradient"], "method: expected none"),
        (["freeze=conv1", "seed=0,1"], "seed=0,1: expected one value"),
        (["freeze=conv1", "-m"], "-m: expected overrides only"),
        (["freeze=null"], "received freeze=null, which freezes nothing"),
        (["freeze=[]", "policy=layer_decay"], "policy=layer_decay, which freezes nothing"),
        (["freeze=conv9"], "received 'conv9'"),
        (["freeze=conv1", "freeze"], "expected KEY=VALUE"),
    ],
)
def test_an_impossible_comparison_is_one_message(
    command: Command, words: list[str], message: str
) -> None:
    ended = command.compare(*words)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert "add -m" not in ended.err
    assert not command.left()


def line(epoch: int, loss: float | None, validation: float) -> MetricsLine:
    return MetricsLine(epoch, True, [], loss, validation, None)


def test_curves_are_equal_only_if_every_loss_is() -> None:
    first = [line(0, None, 2.0), line(1, 1.0, 1.5)]
    assert compare_curves(first, first) == "reference"
    assert compare_curves(list(first), first) == "bitwise equal"
    assert compare_curves([first[0], line(1, 1.0, 1.5 + 1e-12)], first).startswith(
        "differs from epoch 1"
    )
    assert compare_curves(first[:1], first) == "equal up to epoch 0"


def test_help_says_how_it_is_used(command: Command, tmp_path: Path) -> None:
    assert "python -m trainer.compare freeze=conv1" in command.compare("--help").out
    assert not command.left()


@pytest.mark.slow
def test_phases_are_compared_with_a_run_without_them(command: Command) -> None:
    ended = command.compare("phases=lp_ft", "epochs=2", "compare.dir=here")
    assert ended.code == 0, ended.err
    names = sorted(path.parent.name for path in (command.folder / "here").glob("*/proof.json"))
    assert names == ["freeze=null+phases=none+policy=none", *RUNS[1:]]
