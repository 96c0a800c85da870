"""Commands that hang, crash, print nonsense or leave processes behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.ascend_check_steps import process
from scripts.ascend_check_steps.process import Outcome


def run(folder: Path, script: str, limit: float = 30) -> Outcome:
    return process.run(["bash", "-c", script], folder, os.environ, limit)


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and " Z " not in stat.read_text()


def test_exit_code_and_output_of_both_streams_in_order(tmp_path: Path) -> None:
    outcome = run(tmp_path, "echo one; echo two >&2; echo three; exit 7")
    assert (outcome.code, outcome.output) == (7, "one\ntwo\nthree\n")
    assert (outcome.ended_because, outcome.leftovers) == ("", 0)


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    start = time.monotonic()
    outcome = run(tmp_path, "setsid sleep 1000 & echo $! $$; sleep 1000", 0.3)
    assert time.monotonic() - start < 10
    assert outcome.ended_because == "it was not finished after 0 s"
    assert outcome.code is not None and outcome.code < 0
    pids = [int(text) for text in outcome.output.split() if text.isdigit()]
    assert len(pids) == 2
    assert not any(map(is_running, pids))


def test_a_command_that_ignores_signals_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_ABORT_GRACE", 0.2)
    outcome = run(tmp_path, "trap '' ABRT TERM INT; while true; do sleep 0.1; done", 0.3)
    assert outcome.code == -9


def test_a_python_program_that_hangs_shows_where(tmp_path: Path) -> None:
    script = "import time\ndef stuck():\n    time.sleep(1000)\nstuck()\n"
    (tmp_path / "hanging.py").write_text(script)
    variables = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    outcome = process.run([sys.executable, "-S", "hanging.py"], tmp_path, variables, 1)
    assert "in stuck" in outcome.output


def test_what_outlives_a_command_is_killed_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_EXIT_GRACE", 0.2)
    outcome = run(tmp_path, "setsid sleep 1000 & echo $!")
    assert (outcome.code, outcome.leftovers) == (0, 1)
    assert not is_running(int(outcome.output))


def test_a_command_that_does_not_stop_printing_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_OUTPUT_LIMIT", 1_000_000)
    outcome = run(tmp_path, "yes")
    assert outcome.ended_because == "it wrote more than 1 MB of output"
    assert len(outcome.output) <= 60_000


def test_bytes_that_are_no_text_can_be_read(tmp_path: Path) -> None:
    assert run(tmp_path, r"printf 'a\xff\x00b'").output == "a\ufffd\x00b"


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    outcome = process.run(["no-such-program"], tmp_path, os.environ, 30)
    assert outcome.code is None
    assert "could not be started" in outcome.ended_because


def test_processes_from_before_are_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "1000"]) as other:
        run(tmp_path, "sleep 1000", 0.2)
        assert other.poll() is None
        other.kill()
