"""The learning rate of a run: on the screen, in its files, and where a longer run resumes."""

import contextlib
import io
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command, trained
from tests.support.runs import bits, records
from tests.support.schedules import SMALL
from tests.support.settings import GOOD
from trainer.config import schema
from trainer.optim.schedule import StepCounts
from trainer.run.preflight import build_extras

COSINE = (*SMALL, "schedule=cosine", "schedule.warmup_steps=2", "schedule.warmup_factor=0.1")


def cosine(step: int, steps: int) -> float:
    return 0.01 * 0.5 * (1 + math.cos(math.pi * (step - 2) / (steps - 2)))


def rates(run: Path) -> list[dict[str, Any]]:
    return [record["lr"] for record in records(run)]


@pytest.fixture(scope="module")
def constant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of one epoch without a schedule."""
    return trained(tmp_path_factory.mktemp("constant"), *SMALL, "epochs=1")


@pytest.mark.slow
def test_each_line_has_the_rate_of_its_epochs_last_step(command: Command) -> None:
    ended = command.train(*COSINE, "epochs=3")
    assert ended.code == 0, ended.err
    expected = [0.001, cosine(3, 12), cosine(7, 12), cosine(11, 12)]
    received = [rate["lr_factor 1"] for rate in rates(command.folder / "run")]
    assert received == pytest.approx(expected, abs=1e-12)
    line = f"schedule   cosine: lr 0.001 first, 0.01 at the peak (step 3), {expected[-1]:.4g} last"
    assert f"{line}, of 12 steps\n" in ended.out


@pytest.mark.slow
def test_a_constant_rate_is_recorded_and_needs_no_line(command: Command) -> None:
    ended = command.train(*SMALL, "epochs=1")
    assert ended.code == 0, ended.err
    assert rates(command.folder / "run") == [{"lr_factor 1": 0.01}] * 2
    assert "schedule " not in ended.out


HALF, TENTH = (
    f"{{select:{name},method:train,lr_factor:{factor}}}"
    for name, factor in (("conv1", 0.5), ("conv2", 0.1))
)
RULES = ("freeze=null", f"policy.rules=[{HALF},{TENTH}]")


@pytest.mark.slow
def test_a_schedule_is_not_dropped_because_rules_have_rates(command: Command) -> None:
    own = ("schedule=custom", "schedule._target_=tests.support.schedules.linear")
    ended = command.train(*SMALL, *RULES, *own, "epochs=2")
    assert ended.code == 0, ended.err
    assert "schedule   tests.support.schedules.linear: lr 0.01 first, 0.00125 last" in ended.out
    last = rates(command.folder / "run")[-1]
    assert last == pytest.approx(
        {"lr_factor 1": 0.00125, "lr_factor 0.5": 0.000625, "lr_factor 0.1": 0.000125}, abs=1e-15
    )


@pytest.mark.slow
def test_a_longer_run_resumes_on_the_longer_schedule(command: Command) -> None:
    """It says how far the rate jumps, and compiles nothing again."""
    graphs = f"compile_cache.folder={command.folder / 'graphs'}"
    ended = command.train(*COSINE, "epochs=2", graphs)
    assert ended.code == 0, ended.err
    compiled = sorted(path.name for path in (command.folder / "graphs").iterdir())
    ended = command.resume("run", "epochs=4", graphs)
    assert ended.code == 0, ended.err
    jump = f"the learning rate jumps from {cosine(7, 8):.4g} to {cosine(8, 16):.4g} in step 9"
    assert f"{jump}, where the run resumes: the run now has 16 steps, before 8\n" in ended.out
    expected = [0.001, cosine(3, 8), cosine(7, 8), cosine(11, 16), cosine(15, 16)]
    received = [rate["lr_factor 1"] for rate in rates(command.folder / "run")]
    assert received == pytest.approx(expected, abs=1e-12)
    assert sorted(path.name for path in (command.folder / "graphs").iterdir()) == compiled
    log = (command.folder / "run" / "train.log").read_text()
    assert log.count("compile cache: step compiled") == 1
    assert log.count("compile cache: step cache hit") == 1


@pytest.mark.slow
def test_a_run_that_is_resumed_unchanged_does_not_jump(command: Command) -> None:
    whole = command.train(*COSINE, "epochs=2", "hydra.run.dir=whole")
    stop = command.train(*COSINE, "epochs=2", "max_minutes=1e-9")
    assert (whole.code, stop.code) == (0, 75)
    ended = command.resume("run", "max_minutes=null")
    assert ended.code == 0, ended.err
    assert "jumps" not in ended.out
    assert bits(command.folder / "run") == bits(command.folder / "whole")
    assert rates(command.folder / "run") == rates(command.folder / "whole")


@pytest.mark.slow
def test_another_schedule_jumps_too(command: Command, constant: Path) -> None:
    shutil.copytree(constant, command.folder / "run")
    lines = ("schedule=linear", "epochs=2", "resume.allow=[schedule]")
    ended = command.resume("run", *lines)
    assert ended.code == 0, ended.err
    assert "the learning rate jumps from 0.01 to 0.005 in step 5" in ended.out


PLATEAU = (*SMALL, "schedule=plateau", "schedule.patience=0", "schedule.decay_rate=0.5", "epochs=5")
STAGNATES = ("schedule.threshold=0.9", "schedule.warmup_epochs=1", "schedule.warmup_factor=0.5")


@pytest.fixture(scope="module")
def plateau(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the screen of a run whose rate falls at a plateau, never stopped."""
    folder, screen = tmp_path_factory.mktemp("plateau"), io.StringIO()
    with contextlib.redirect_stdout(screen):
        run = trained(folder, *PLATEAU, *STAGNATES, "checkpoint.every_steps=1")
    return run, screen.getvalue()


@pytest.mark.slow
def test_a_plateau_follows_the_evaluations_after_the_warm_up(plateau: tuple[Path, str]) -> None:
    run, output = plateau
    assert "schedule   plateau: lr 0.01 at the peak; falls when validation_loss" in output
    # the last step of the warm-up; then the first evaluation that counts, at the end of epoch 2
    expected = [0.005, 0.00875, 0.01, 0.01, 0.005, 0.0025]
    received = [rate["lr_factor 1"] for rate in rates(run)]
    assert received == pytest.approx(expected, abs=1e-15)


@pytest.mark.slow
def test_a_plateau_resumes_with_its_rates(command: Command, plateau: tuple[Path, str]) -> None:
    shutil.copytree(plateau[0], command.folder / "whole")
    assert command.train(*PLATEAU, *STAGNATES, "epochs=3").code == 0
    ended = command.resume("run", "epochs=5")
    assert ended.code == 0, ended.err
    assert "jumps" not in ended.out
    assert "schedule   plateau: lr 0.01 at the peak, now 0.005; falls" in ended.out
    assert rates(command.folder / "run") == rates(command.folder / "whole")
    assert bits(command.folder / "run") == bits(command.folder / "whole")


def test_the_direction_of_a_plateau_is_the_monitors() -> None:
    settings, _ = schema.read({**GOOD, "schedule": PLATEAU_SPEC, "evaluation": ACCURACY})
    schedule = build_extras(settings, []).schedule
    assert schedule is not None
    factor = schedule(StepCounts(20, 2), lambda: [(2, 0.5), (4, 0.6), (6, 0.7)])
    assert factor(6) == 1, "a rising accuracy is no plateau"


PLATEAU_SPEC = {"_target_": "trainer.optim.schedules.plateau.plateau", "patience": 0}
ACCURACY = {"monitor": "accuracy"}


def test_the_plan_shows_the_rates(command: Command) -> None:
    ended = command.plan(*COSINE, "epochs=3")
    assert ended.code == 0, ended.err
    line = f"cosine: lr 0.001 first, 0.01 at the peak (step 3), {cosine(11, 12):.4g} last"
    assert f"schedule   {line}, of 12 steps\n" in ended.out


def test_the_plan_says_why_it_shows_no_rates(command: Command) -> None:
    ended = command.plan("dataset=mnist", "dataset.root=.", "schedule=cosine")
    assert ended.code == 0, ended.err
    assert "schedule   cosine: the rates depend on the data, which cannot be read (" in ended.out


def test_records_stay_plain_json(constant: Path) -> None:
    first = json.loads((constant / "metrics.jsonl").read_text().splitlines()[0])
    assert list(first["lr"].items()) == [("lr_factor 1", 0.01)]
