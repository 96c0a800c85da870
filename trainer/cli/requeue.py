"""Requeue: ``python -m trainer.requeue MOST OVERRIDES``, a training run as a job of Slurm.

When the run stops before its end since the time limit is near, Slurm is told to start the job
again, in which it goes on. Every other ending, and preemption, is left to Slurm.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from trainer.cli import entry_point
from trainer.core.errors import ConfigError, Interrupted, Stopped

_USAGE = """usage: srun python -m trainer.requeue MOST OVERRIDES

Trains as `python -m trainer OVERRIDES` does, within a job of Slurm. If the run is stopped by
SIGUSR1 (sbatch --signal=USR1@60) or max_minutes, the job is requeued, up to MOST restarts in all.
Not after SIGTERM: Slurm requeues what it preempts itself, and what was cancelled is to end.
The exit code is the run's; if it is stopped, only the first of several tasks tells so.
Example:
  srun --kill-on-bad-exit=1 python -m trainer.requeue 20 freeze=conv1 hydra.run.dir=runs/a"""


def main() -> None:
    """Train, requeue if need be, and exit with the run's code."""
    with entry_point.exit_codes():
        words = sys.argv[1:]
        if entry_point.printed_help(_USAGE):
            return
        if not words or not words[0].isdigit():
            raise ConfigError(
                [f"expected a number of restarts, received {' '.join(words[:1]) or 'none'}"]
            )
    sys.exit(run([sys.executable, "-m", "trainer", *words[1:]], int(words[0])))


def run(command: Sequence[str], most: int) -> int:
    """Run a command in a job of Slurm, signals handed on; requeue the job if it was cut short.

    Args:
        command: the words of a training run.
        most: restarts of the job, those by Slurm itself included.

    Returns:
        Its exit code; 128 and the signal's number if one has ended it.
    """
    received: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def hand_on(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if child is not None:
            child.send_signal(number)

    for caught in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
        signal.signal(caught, hand_on)
    child = subprocess.Popen(command)
    for number in received:  # before there was a child
        child.send_signal(number)
    code = child.wait()
    if code not in (Stopped.code, Interrupted.code):  # the signal may come before training begins
        return code if code >= 0 else 128 - code
    if os.environ.get("SLURM_PROCID", "0") != "0":
        return 0  # srun --kill-on-bad-exit would kill the first task, which may still be saving
    if not {signal.SIGTERM, signal.SIGINT} & set(received):
        _requeue(most)
    return code


def _requeue(most: int) -> None:
    """Have the job started again."""
    job, restarts = os.environ.get("SLURM_JOB_ID"), int(os.environ.get("SLURM_RESTART_COUNT", 0))
    if job is None or restarts >= most:
        why = "this is no job of Slurm" if job is None else f"restarted {restarts} times already"
        print(f"not requeued: {why}; the same command goes on", file=sys.stderr)
        return
    print(f"requeued: restart {restarts + 1} of at most {most}", file=sys.stderr, flush=True)
    subprocess.run(["scontrol", "requeue", job])  # which says itself what is in the way


if __name__ == "__main__":
    main()
