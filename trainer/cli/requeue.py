"""Requeue: ``python -m trainer.requeue MAX OVERRIDES`` runs a training run as a Slurm job.

If the run stops early because the time limit is near, Slurm requeues the job, which then resumes.
Every other way to end, and preemption, is left to Slurm.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from trainer.cli import entry_point
from trainer.core.errors import ConfigError, Interrupted, Stopped

_USAGE = """usage: srun python -m trainer.requeue MAX OVERRIDES

Trains like `python -m trainer OVERRIDES`, in a Slurm job. If SIGUSR1 (sbatch --signal=USR1@60) or
max_minutes stops the run, the job is requeued, with at most MAX restarts in total. SIGTERM does not
requeue it: Slurm itself requeues preempted jobs, and a cancelled job has to end.
The exit code is the run's; of several tasks, only the first reports that the run was stopped.
Example:
  srun --kill-on-bad-exit=1 python -m trainer.requeue 20 freeze=conv1 hydra.run.dir=runs/a"""


def main() -> None:
    """Train, requeue if the run was cut short, and exit with the run's code."""
    with entry_point.exit_codes():
        words = sys.argv[1:]
        if entry_point.printed_help(_USAGE):
            return
        if not words or not words[0].isdigit():
            received = words[0] if words else "none"
            raise ConfigError([f"expected a number of restarts, received {received}"])
    sys.exit(run([sys.executable, "-m", "trainer", *words[1:]], int(words[0])))


def run(command: Sequence[str], max_restarts: int) -> int:
    """Run a command in a Slurm job, and requeue the job if the run was cut short.

    Args:
        command: the command of a training run.
        max_restarts: restarts of the job, including those by Slurm itself.

    Returns:
        Its exit code; 128 plus the signal's number if a signal has killed it.
    """
    code, signals = _run_with_signals(command)
    if code not in (Stopped.code, Interrupted.code):  # the signal may come before training begins
        return code if code >= 0 else 128 - code
    if os.environ.get("SLURM_PROCID", "0") != "0":
        return 0  # srun --kill-on-bad-exit would kill the first task, which may still be saving
    if signals.isdisjoint({signal.SIGTERM, signal.SIGINT}):
        _requeue(max_restarts)
    return code


def _run_with_signals(command: Sequence[str]) -> tuple[int, set[int]]:
    """Run a command and forward signals to it; return its exit code and these signals."""
    received: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    def forward(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if process is not None:
            process.send_signal(number)

    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    process = subprocess.Popen(command)
    for early in received:  # before the process was started
        process.send_signal(early)
    return process.wait(), set(received)


def _requeue(max_restarts: int) -> None:
    """Make Slurm start the job again."""
    job, restarts = os.environ.get("SLURM_JOB_ID"), int(os.environ.get("SLURM_RESTART_COUNT", 0))
    if job is None or restarts >= max_restarts:
        why = "this is no Slurm job" if job is None else f"restarted {restarts} times already"
        print(f"not requeued: {why}; the same command resumes the run", file=sys.stderr)
        return
    print(
        f"requeued: restart {restarts + 1} of at most {max_restarts}", file=sys.stderr, flush=True
    )
    subprocess.run(["scontrol", "requeue", job])  # which reports itself if it fails


if __name__ == "__main__":
    main()
