"""Runs killed at random moments go on and end with the same bits, as scripts/stress has it."""

import random
from pathlib import Path

import pytest

from scripts import stress_runs

pytestmark = pytest.mark.slow

OVERRIDES = [*stress_runs.OVERRIDES, "epochs=2"]
RECIPE = (
    "optimizer=adamw",
    "optimizer.lr=0.001",
    "schedule=cosine",
    "schedule.warmup_steps=3",
    "gradient.clip=norm",
    "gradient.clip_value=1",
    "gradient.accumulation_steps=3",
    "ema.decay=0.9",
    "ema.warmup=true",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A run that was never stopped, and its seconds."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return folder, stress_runs.uninterrupted(folder, OVERRIDES)


def test_killed_runs_end_with_the_same_bits(whole: tuple[Path, float], tmp_path: Path) -> None:
    folder, seconds = whole
    draw, moments = random.Random(1), ["writing", "training"]
    killed = stress_runs.kill(tmp_path / "run", OVERRIDES, draw, seconds, 3, moments)
    assert killed["writing"] > 0
    assert stress_runs.differences(folder, tmp_path / "run") == []


def test_killed_runs_of_a_recipe_end_with_the_same_bits(tmp_path: Path) -> None:
    lines = [*OVERRIDES, *RECIPE]
    seconds = stress_runs.uninterrupted(tmp_path / "whole", lines)
    assert (tmp_path / "whole/ema.safetensors").is_file()
    draw, moments = random.Random(2), ["writing", "training"]
    killed = stress_runs.kill(tmp_path / "run", lines, draw, seconds, 5, moments)
    assert killed.total() > 0
    assert stress_runs.differences(tmp_path / "whole", tmp_path / "run") == []


@pytest.mark.parametrize(("mode", "kills"), [("pynative", 2), ("eager", 2)])
def test_killed_runs_end_with_the_same_bits_in_each_mode(
    tmp_path: Path, mode: str, kills: int
) -> None:
    lines = [*OVERRIDES, f"device.mode={mode}"]
    seconds = stress_runs.uninterrupted(tmp_path / "whole", lines)
    draw, moments = random.Random(3), ["writing", "training"]
    killed = stress_runs.kill(tmp_path / "run", lines, draw, seconds, kills, moments)
    assert killed.total() > 0
    assert stress_runs.differences(tmp_path / "whole", tmp_path / "run") == []


def test_a_disk_that_fills_up_ends_the_run_with_74_and_it_goes_on(
    whole: tuple[Path, float],
) -> None:
    found = stress_runs.full_disk(whole[0].parent, OVERRIDES, random.Random(1))
    if found is None:
        pytest.skip("no tmpfs can be mounted here, so no disk can be filled")
    assert found == []
