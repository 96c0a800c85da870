import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import bench_table
from scripts.bench_task import Clock, Task

ROOT = Path(__file__).resolve().parent.parent


def clock(variant: str, seconds: float, ends: list[float], threads: str = "auto") -> Clock:
    """A clock after steps that ended at `ends`; an epoch has 36 batches."""
    task = Task("lenet5", "nothing", "", variant, 3, seconds, threads, "cell")
    times = iter([0.0, *ends])
    made = Clock(task, _now=lambda: next(times))
    for number, _ in enumerate(ends):
        made.step(float(number))
    return made


def test_the_first_epoch_and_the_first_step_of_the_second_are_not_timed() -> None:
    ends = [float(number) for number in range(1, 40)]
    assert clock("trainer", 9, ends[:37]).times == []
    done = clock("trainer", 9, ends)
    assert done.times == [1, 1]
    assert not done.done()
    assert len(done.losses) == 39


@pytest.mark.parametrize(("variant", "threads"), [("native", "auto"), ("trainer", "free")])
def test_slow_steps_are_timed_after_the_first(variant: str, threads: str) -> None:
    done = clock(variant, 3, [20, 40], threads)
    assert done.times == [20]
    assert done.done()


def test_the_variants_take_turns() -> None:
    turns = [list(bench_table._turn(repeat)) for repeat in range(3)]
    assert [turn[0] for turn in turns] == list(bench_table.VARIANTS)
    assert all(sorted(turn) == sorted(bench_table.VARIANTS) for turn in turns)


def run(step: float, *losses: float) -> bench_table.Run:
    return bench_table.Run([step], list(losses), "free")


def test_ratios_are_taken_within_a_repeat() -> None:
    row = bench_table.Row(
        {
            "native": [run(30), None],
            "set": [run(2), run(4)],
            "trainer": [run(3), run(4)],
        }
    )
    assert row.ratio("native", "trainer") == [10]
    assert row.ratio("trainer", "set") == [1.5, 1]


def test_losses_are_compared_as_far_as_both_go() -> None:
    row = bench_table.Row(
        {
            "native": [run(1, 0)],
            "set": [run(1, 2, 2)],
            "trainer": [run(1, 2, 2.1, 9)],
        }
    )
    assert bench_table.show({"conv1-cut": row}).splitlines()[1].endswith("DIFFER (5e-02)")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.bench_table", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_one_row() -> None:
    limits = ("--repeats", "1", "--steps", "1")
    done = bench("--nets", "lenet5", "--rows", "head-cut", *limits)
    assert done.returncode == 0, done.stderr
    head, row = done.stdout.split("\nlenet5, batch 64x1x32x32; ")[1].splitlines()[1:3]
    assert re.split(r"  +", head) == list(bench_table.HEAD)
    cells = re.split(r"  +", row)
    assert cells[:2] == ["all but the head", "stop_gradient"]
    assert all(float(cell) > 0 for cell in cells[2:7])
    assert cells[7] in {"free", "apart"}
    assert cells[8].startswith("agree")


def test_an_unknown_net_is_refused() -> None:
    done = bench("--nets", "lenet")
    assert done.returncode == 2
    assert "expected some of lenet5, resnet18, received lenet" in done.stderr
