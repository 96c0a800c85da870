"""`scripts/ascend_check` as a whole: with a broken interpreter, without an Ascend, on a CPU."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.ascend_check_steps.steps import INSTALL, STEPS
from tests.support.command import CHECKOUT, until


def start(folder: Path, *options: str, **variables: str) -> "subprocess.Popen[str]":
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [
            "env",
            "--default-signal=INT",
            sys.executable,
            "-m",
            "scripts.ascend_check_steps",
            *options,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "TMPDIR": str(temporary), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def check(folder: Path, *options: str) -> tuple[int, str]:
    """Run the check; return its exit code and what it printed. No temporary file may remain."""
    process = start(folder, *options)
    printed, _ = process.communicate()
    assert list((folder / "tmp").iterdir()) == []
    return process.returncode, printed


def interpreter(folder: Path, script: str) -> str:
    """Return the option for a `python` that does this for everything but `--version`."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n[ $1 = --version ] && exit 0\n{script}\n")
    path.chmod(0o755)
    return f"python={path}"


def test_an_interpreter_that_does_not_work(tmp_path: Path) -> None:
    code, _ = check(tmp_path, "device=cpu", "python=/bin/false", "out=r.md")
    assert code == 1
    text = (tmp_path / "r.md").read_text()
    assert text.startswith("# Ascend check, device=cpu: 1 ok, 1 FAILED, ")
    assert "expected exit code 0, received 1 from `/bin/false --version`" in text
    assert text.count("it needs the step") == 2 * (len(STEPS) - 1)  # in the table, and below


def test_a_step_that_prints_nonsense(tmp_path: Path) -> None:
    nonsense = interpreter(tmp_path, "echo PROBE nonsense; echo RESULT []")
    code, _ = check(tmp_path, "device=cpu", nonsense, "out=r.md")
    assert code == 1
    assert (
        "| 3 | device: MindSpore computes on it | **FAILED** |" in (tmp_path / "r.md").read_text()
    )


def test_a_report_that_cannot_be_written_is_printed(tmp_path: Path) -> None:
    code, printed = check(tmp_path, "device=cpu", "python=/bin/false", "out=no folder/r.md")
    assert code == 1
    assert "the report cannot be written" in printed
    assert "\n# Ascend check, device=cpu: " in printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_report(tmp_path: Path, number: signal.Signals) -> None:
    hanging = interpreter(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    process = start(tmp_path, "device=cpu", hanging, "out=r.md")
    until((tmp_path / "pid").exists, "the step hangs")
    time.sleep(0.1)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert f"the check was stopped by {number.name}" in (tmp_path / "r.md").read_text()
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_its_report_is_there_if_it_is_killed(tmp_path: Path) -> None:
    hanging = interpreter(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    process = start(tmp_path, "device=cpu", hanging, "out=r.md")
    until((tmp_path / "pid").exists, "the step hangs")
    process.kill()
    process.communicate()
    assert "not reached (the check is running, or was killed)" in (tmp_path / "r.md").read_text()
    pid = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}")
    until(lambda: not pid.exists(), "the step's process has ended too", 10)


@pytest.mark.slow
def test_without_an_ascend_it_says_so_within_seconds(tmp_path: Path) -> None:
    code, printed = check(tmp_path, f"python={sys.executable}", "out=r.md")
    assert code == 1
    text = (tmp_path / "r.md").read_text()
    for where in (printed, text):
        assert (
            "MindSpore cannot use the device: device=ascend: expected Ascend's drivers and CANN"
            in where
        )
    assert "- mindspore: 2." in text
    assert text.count("| **not run** |") == len(STEPS) - 2


@pytest.mark.slow
def test_on_a_cpu_every_step_that_applies_is_ok(tmp_path: Path) -> None:
    code, printed = check(tmp_path, "device=cpu", f"python={sys.executable}", "out=r.md")
    text = (tmp_path / "r.md").read_text()
    assert code == 0, text
    skipped = {"bfloat16", "cpu", "O1"}
    lines = [line.split() for line in printed.splitlines() if " ... " in line]
    assert {line[0]: line[2].rstrip(",") for line in lines} == {
        step.name: "skipped" if step.name in skipped else "ok" for step in (INSTALL, *STEPS)
    }
    assert "the trainer holds in all 12" in text
    assert "plain MindSpore shows 12 of 12" in text
