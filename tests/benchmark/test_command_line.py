from pathlib import Path

import pytest

from scripts.benchmark import command_line, contenders
from scripts.benchmark.plan import MANY, QUICK, RACES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def with_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all packages installed: options are read, and nothing is measured."""
    monkeypatch.setattr(contenders, "find_spec", lambda name: object())


def test_all_races_are_measured_for_28_minutes() -> None:
    options = command_line.parse([])
    assert (options.races, options.minutes) == (RACES, 28)


def test_quick_measures_the_rows_of_the_readme() -> None:
    options = command_line.parse(["--quick"])
    assert (options.races, options.minutes) == (QUICK, 3)


def test_a_goal_is_measured_alone() -> None:
    (race,) = command_line.parse(["--goal", "lenet5"]).races
    assert (race.contenders, race.repeats, race.task.net) == (("trainer", "eager"), MANY, "lenet5")
    (race,) = command_line.parse(["--goal", "lenet5", "--repeats", "3"]).races
    assert race.repeats == 3


def test_another_checkout_is_a_contender_in_the_rows_of_its_goals() -> None:
    races = command_line.parse(["--against", str(ROOT)]).races
    assert sum("before" in race.contenders for race in races) == 6


def test_a_missing_pytorch_is_reported_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contenders, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as error:
        command_line.parse(["--goal", "resnet18"])
    assert error.value.code == 2
    assert "expected PyTorch to measure eager, but torch is not inst" in capsys.readouterr().err
    options = command_line.parse(["--goal", "resnet18", "--contenders", "trainer"])
    assert [race.contenders for race in options.races] == [("trainer",)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--goal lenet", "expected some of resnet18, resnet18-head,"),
        ("--goal before-resnet18", "expected --against FOLDER"),
        ("--against /nowhere", "expected a checkout of the trainer"),
        ("--goal lenet5 --nets resnet18", "received some that select none"),
        ("--goal lenet5 --quick", "not allowed with argument"),
    ],
)
def test_wrong_options_are_refused(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        command_line.parse(arguments.split())
    assert error.value.code == 2
    assert message in capsys.readouterr().err
