import json
import subprocess
import sys
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts.benchmark import comparison, goals, picture, process, records, report, results_file
from scripts.benchmark.case import NETS, Case
from scripts.benchmark.clock import Clock, Result
from scripts.benchmark.plan import LENET, RACES, RESNET, RESNET_LONG, SIZES
from scripts.benchmark.records import Record
from trainer.artifacts.costs import RunCosts

ROOT = Path(__file__).resolve().parents[2]


def result(step: float = 1.0, *epochs: float) -> Result:
    return Result(step, 0.0, list(epochs or (10.0, 4.0, 6.0)), [2.0], 100.0, 61_706, end=0.1)


def record(who: str, repeat: int, made: Result | None, part: str = "nets") -> Record:
    task = RESNET_LONG if part == "head" else RESNET
    case = Case(task, len(NETS[task.net].parts), "stop_gradient", who, 3)
    return Record(part, repeat, case, made, "" if made else "not installed")


def test_the_first_step_is_the_compile_and_no_part_of_its_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([0.0, 9.0, 10.0, 20.0, 21.0, 22.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    clock = Clock()
    for losses in ((1.0, 3.0), (5.0, 7.0)):
        clock.epoch()
        for loss in losses:
            clock.step(loss)
    made = clock.result(6)
    assert (made.step, made.first) == (1, 8)
    assert made.epochs == [2, 2]
    assert made.losses == [2, 6]


def test_epochs_that_were_not_trained_are_like_the_later_ones() -> None:
    assert [result().seconds(count) for count in (1, 3, 10)] == [10, 20, 55]


def test_a_run_of_the_trainer_is_read_from_its_files(tmp_path: Path) -> None:
    costs = RunCosts(4, 1.5, 3.0, 100.0, False, 0.25)
    (tmp_path / "costs.json").write_text(json.dumps(asdict(costs)))
    epochs = [{"epoch": 0}, *({"epoch": n, "steps": 2, "seconds": 5.0, "loss": n} for n in (1, 2))]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, epochs)))
    made = process.read(tmp_path)
    assert (made.step, made.first, made.epochs, made.losses) == (1.5, 3, [2, 5], [1, 2])
    assert made.end == 0.25
    assert process.read(tmp_path, stores=True).step == 2.5
    with pytest.raises(ValueError, match="at least two steps"):
        process.read(tmp_path / "none")


def test_few_images_stand_for_all() -> None:
    native = record("native", 0, result(1.0, 2.0))
    assert native.ten == 20 * RESNET.images / RESNET.few


def test_ratios_are_taken_within_a_repeat() -> None:
    found = [record("trainer", 0, result(3)), record("hand", 0, result(2))]
    found += [record("hand", 1, result(1)), record("trainer", 2, None)]
    (row,) = records.rows(found)
    assert row.ratios("trainer", "hand", lambda one: one.step) == [1.5]


def test_what_a_recipe_adds_is_compared_with_pytorch() -> None:
    seconds = {"trainer": 0.2, "recipe": 0.23, "eager": 0.1, "eager_recipe": 0.12}
    seconds |= {"accumulate": 0.42, "eager_accumulate": 0.2}
    found = [record(who, 0, result(step), "recipe") for who, step in seconds.items()]
    table = report.text(found)
    (row,) = (line for line in table.splitlines() if "2 batches per step" in line)
    assert row.split()[-4:] == ["10.0", "1.05", "0.0", "1.00"], "per batch, not per step"


def test_what_is_left_out_is_named_with_the_reason() -> None:
    text = report.text([record("fastai", 0, None)])
    assert "fastai Learner.freeze: not installed (ResNet-18 at 64x64, all but the head)" in text


def test_all_that_is_planned_is_shown_and_drawn(tmp_path: Path) -> None:
    found = [
        Record(race.part, repeat, case, replace(result(), epochs=[1.0] * case.epochs))
        for race in RACES
        for repeat in range(race.repeats)
        for case in race.cases(repeat)
    ]
    results = results_file.Results("a machine", {"this trainer": "12ab"}, [0.5], 31.0, found)
    results_file.write(tmp_path, results)
    read = results_file.read(tmp_path)
    assert read == results
    assert str(read) == "a machine\nsource of this trainer 12ab; load at the start 0.5"
    assert report.text(read.records).count("\n## ") == 13
    text = goals.text(read.records, read.minutes)
    (line,) = (line for line in text.splitlines() if " duration " in line)
    assert line.startswith("MISSED")
    assert text.endswith("Not measured: before-resnet18, before-others")
    for module in (picture, comparison):
        module.draw(read.records, tmp_path / module.FILE)
        assert (tmp_path / module.FILE).stat().st_size > 10_000


@pytest.mark.parametrize("who", ["trainer", "hand", "eager", "store"])
def test_one_contender_alone_is_shown_and_drawn(who: str, tmp_path: Path) -> None:
    found = [
        Record(race.part, 0, case, replace(result(), epochs=[1.0] * case.epochs))
        for race in RACES
        for case in race.cases()
        if case.contender == who
    ]
    assert "LeNet-5: 61,706 parameters" in report.text(found)
    assert goals.text(found, 3)
    picture.draw(found, tmp_path / picture.FILE)
    comparison.draw(found, tmp_path / comparison.FILE)
    assert not (tmp_path / comparison.FILE).exists(), "PyTorch alone or the others alone"


def test_the_plan_freezes_what_the_nets_have() -> None:
    assert sum(SIZES) == 11_181_642
    assert len(SIZES) == len(NETS["resnet18"].parts) + 1
    assert {race.task.net for race in RACES} == set(NETS)
    assert all(race.frozen <= len(NETS[race.task.net].parts) for race in RACES)


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.benchmark", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_one_row(tmp_path: Path) -> None:
    limits = ("--parts", "nets", "--frozen", "first half", "--methods", "stop_gradient")
    contenders = "trainer,hand,eager" if find_spec("torch") else "trainer,hand"
    who = ("--contenders", contenders, "--nets", "lenet5", "--repeats", "1")
    done = bench(*limits, *who, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "LeNet-5: 61,706 parameters, the same in all; losses of trainer and hand" in done.stdout
    found = results_file.read(tmp_path).records
    rows = records.rows(found)
    assert [(row.case.task, row.case.method) for row in rows] == [(LENET, "stop_gradient")]
    assert all(
        difference < 1e-5 for row in rows for difference in row.differences("trainer", "hand")
    )
    assert not any(each.reason for each in found)
    again = bench("--redraw", str(tmp_path))
    assert again.stdout == done.stdout
    continued = bench(*limits, *who, "--out", str(tmp_path))
    assert continued.stdout == done.stdout
    assert "1 of 1 repeats were measured before" in continued.stderr


@pytest.mark.slow
def test_an_unknown_net_is_refused() -> None:
    done = bench("--nets", "lenet")
    assert done.returncode == 2
    assert (
        "expected some of lenet5, resnet18, mobilenet_v2_100, files, received lenet" in done.stderr
    )
