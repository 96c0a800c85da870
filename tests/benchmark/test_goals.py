from dataclasses import replace

import pytest

from scripts.benchmark import goals
from scripts.benchmark.clock import Result
from scripts.benchmark.plan import QUICK, RACES, Race
from scripts.benchmark.records import Record, estimate, interval

STEP = Result(1.0, 0.0, [1.0, 1.0], [2.0], 100.0, 5, end=0.01)


def measured(races: list[Race], steps: dict[str, list[float]]) -> list[Record]:
    """The records of races whose contenders take these times, one for each repeat."""
    return [
        Record(race.part, at, case, replace(STEP, step=seconds, epochs=[seconds, seconds]))
        for race in races
        for case in race.cases()
        for at, seconds in enumerate(steps.get(case.contender, []))
    ]


def lines(name: str, records: list[Record]) -> list[list[str]]:
    """The cells of the lines of a goal, and which goals were met."""
    text = goals.text(records, 3).splitlines()
    return [line.split() for line in text if line.split()[1:2] == [name]]


def test_a_step_is_judged_by_the_median_of_its_ratios_to_pytorch() -> None:
    races = list(goals.GOALS["resnet18"].races)
    records = measured(races, {"trainer": [0.09, 0.18, 0.40], "eager": [0.1, 0.2, 0.4]})
    (line,) = lines("resnet18", records)
    assert line[0] == "met"
    assert " ".join(line).endswith("180.0 ms 200.0 ms 0.90 (0.90..1.00) at most 0.95 3")
    slower = measured(races, {"trainer": [0.096], "eager": [0.1]})
    assert lines("resnet18", slower)[0][0] == "MISSED"


def test_a_goal_of_several_rows_has_a_line_for_each() -> None:
    records = measured(list(goals.GOALS["hand"].races), {"trainer": [1.0], "hand": [1.0]})
    records[0] = replace(records[0], result=replace(STEP, step=1.06))
    verdicts = [line[0] for line in lines("hand", records)]
    assert verdicts == ["MISSED", *["met"] * 16]
    assert "Rows: 16 met, 1 MISSED" in goals.text(records, 3)


def test_a_store_is_judged_by_whole_epochs() -> None:
    races = list(goals.GOALS["store-10"].races)
    records = measured(races, {"store": [1.0], "eager": [9.0], "trainer": [7.0]})
    assert [lines(f"store-{name}", records)[0][0] for name in ("10", "50", "off")] == [
        *("met", "MISSED", "MISSED"),
    ]
    assert "at least 8 times faster" in goals.text(records, 3)


def test_the_wait_at_an_epochs_end_is_a_share_of_the_epoch() -> None:
    races = list(goals.GOALS["epoch-end"].races)
    records = [
        replace(record, result=replace(STEP, end=end, epochs=[2.0, 2.0]))
        for end in (0.05, 0.07)
        for record in measured(races[:1], {"snapshots": [1.0]})
    ]
    (line,) = lines("epoch-end", records)
    assert line[0] == "met"
    assert " ".join(line).endswith("60.0 ms 2.00 s 3.0 (2.5..3.5) % at most 3 % 2")


def test_a_recipe_may_add_what_pytorch_adds() -> None:
    steps = {"trainer": [0.2], "recipe": [0.23], "eager": [0.1], "eager_recipe": [0.12]}
    (line,) = lines("recipe", measured(list(goals.GOALS["recipe"].races), steps))
    assert line[0] == "MISSED"
    assert " ".join(line).endswith("30.0 ms 20.0 ms at most 20.0 ms 1")


def test_what_was_measured_for_a_goal_alone_decides_it() -> None:
    goal = goals.GOALS["lenet5"]
    suite = measured(list(goal.races), {"trainer": [2.0], "eager": [1.0]})
    alone = measured(goal.alone("lenet5"), {"trainer": [0.5], "eager": [1.0]})
    assert lines("lenet5", suite)[0][0] == "MISSED"
    assert [line[0] for line in lines("lenet5", [*suite, *alone])] == ["met"]


@pytest.mark.parametrize("name", goals.GOALS)
def test_every_goal_can_be_measured_alone(name: str) -> None:
    races = goals.GOALS[name].alone(name)
    assert races
    assert all(race.repeats >= 10 for race in races)
    times = {who: [1.0] for who in goals.GOALS[name].contenders}
    assert len(lines(name, measured(races, times))) == len(races)


def test_the_quick_rows_are_rows_of_the_suite() -> None:
    rows = {(race.part, race.task, race.frozen, race.method) for race in RACES}
    assert {(race.part, race.task, race.frozen, race.method) for race in QUICK} <= rows


def test_nothing_measured_is_no_goal() -> None:
    assert "None was measured" in goals.text([], 3)


def test_the_interval_holds_the_median_with_95_percent() -> None:
    values = [float(value) for value in range(1, 11)]
    assert interval(values) == (2, 9)  # 97.9 %; 3 to 8 would be 89 %
    assert interval(values[:6]) == (1, 6)
    assert interval([4.0, 1.0, 3.0]) == (1, 4), "too few: least and most"
    assert interval([5.0]) == (5, 5)
    assert estimate(values, 1) == "5.5 (2.0..9.0)"
    assert estimate([5.0], 2) == "5.00"
