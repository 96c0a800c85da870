"""Phased runs killed at transitions end with the same bits, as scripts/stress phases has it."""

import random
from pathlib import Path

import pytest

from scripts import phased_runs, stress_runs

pytestmark = pytest.mark.slow


def test_runs_killed_at_transitions_end_with_the_same_bits(tmp_path: Path) -> None:
    case = "recipe"
    stress_runs.uninterrupted(tmp_path / "whole", phased_runs.overrides_of(case))
    draw, run = random.Random(case), tmp_path / "run"
    killed = [phased_runs.kill_at_transition(run, case, draw) for _ in range(2)]
    assert any(killed)
    stress_runs.finish(run, phased_runs.overrides_of(case))
    assert phased_runs.differences(tmp_path / "whole", run) == []
