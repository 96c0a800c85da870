"""The wrapper of a job, without Slurm; ``test_sweep_on_slurm`` runs it in Slurm."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT
from trainer.cli import requeue

SAVES = """
import signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(75))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install no signal handlers: `run` expects to have its own process."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for name in ("SLURM_JOB_ID", "SLURM_PROCID", "SLURM_RESTART_COUNT"):
        monkeypatch.delenv(name, raising=False)


def ends_with(code: str) -> list[str]:
    return [sys.executable, "-c", f"import os, sys, signal; {code}"]


@pytest.mark.parametrize("code", [0, 2, 3, 4, 7, 74, 75])
def test_the_exit_code_is_the_runs(code: int) -> None:
    assert requeue.run(ends_with(f"sys.exit({code})"), 0) == code


def test_a_kill_is_reported_as_shells_do() -> None:
    assert requeue.run(ends_with("os.kill(os.getpid(), signal.SIGKILL)"), 0) == 137


def test_of_several_tasks_only_the_first_reports_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    assert requeue.run(ends_with("sys.exit(75)"), 9) == 0
    assert requeue.run(ends_with("sys.exit(3)"), 9) == 3


@pytest.mark.parametrize("restarts", [2, 3])
def test_restarts_are_limited(
    restarts: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
    assert requeue.run(ends_with("sys.exit(75)"), 2) == 75
    assert f"not requeued: restarted {restarts} times already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "message"),
    [(signal.SIGUSR1, "not requeued: this is no Slurm job"), (signal.SIGTERM, "")],
)
def test_signals_are_forwarded(number: signal.Signals, message: str, tmp_path: Path) -> None:
    (tmp_path / "saves.py").write_text(SAVES)
    code = "import sys; from trainer.cli import requeue; sys.exit(requeue.run(sys.argv[1:], 9))"
    line = [sys.executable, "-c", code, sys.executable, str(tmp_path / "saves.py")]
    with subprocess.Popen(
        line, cwd=CHECKOUT, env=dict(os.environ), stdout=-1, stderr=-1, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 75
    assert err.partition(";")[0].strip() == message


@pytest.mark.parametrize("words", [[], ["freeze=conv1"], ["-1"]])
def test_a_missing_number_of_restarts_is_reported(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["trainer.requeue", *words])
    with pytest.raises(SystemExit) as ended:
        requeue.main()
    assert ended.value.code == 2
    assert "expected a number of restarts" in capsys.readouterr().err
