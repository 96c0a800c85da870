"""Steps that the check skips on a CPU, executed there as far as a CPU can."""

import sys
from pathlib import Path

import pytest

from scripts.ascend_check_steps.check import Check, StepFailed, Workspace
from scripts.ascend_check_steps.options import Options
from scripts.ascend_check_steps.steps import STEPS

pytestmark = pytest.mark.slow

SKIPPED = {step.name: step for step in STEPS if step.only_on_ascend}


def workspace(folder: Path) -> Workspace:
    """Return one with device=auto, which has the settings of an Ascend and computes on the CPU."""
    return Workspace(Options("auto", 0, 10, folder / "report.md", None), folder, sys.executable)


def test_the_comparison_with_the_cpu(tmp_path: Path) -> None:
    check = Check(workspace(tmp_path), 180)
    check.train("stop_gradient", "freeze=conv1", "method=stop_gradient")
    SKIPPED["cpu"].run(check)
    (note,) = check.notes
    on_device, on_cpu = note.removeprefix("device: ").split("; CPU: ")
    assert on_device == on_cpu != ""


def test_the_level_of_the_compiler_is_without_effect(tmp_path: Path) -> None:
    check = Check(workspace(tmp_path), 90)
    SKIPPED["O1"].run(check)
    assert any("jit_level_O1: moved conv2, fc1, fc2, fc3; " in note for note in check.notes)


def test_bfloat16_is_refused_for_lack_of_kernels(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="expected exit code 0, received 2"):
        SKIPPED["bfloat16"].run(check := Check(workspace(tmp_path), 90))
    output = check.outcomes[-1].output
    assert "device.precision: expected a precision in which the device has all kernels" in output


def test_these_are_all() -> None:
    assert SKIPPED.keys() == {"bfloat16", "cpu", "O1"}
