"""Trains like ``python -m trainer``, but kills itself at or soon after a transition of phases.

Arguments: moment, number of the transition in this process, seconds to wait, overrides.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from trainer.callbacks.freeze_proof import FreezeProof
from trainer.callbacks.model_checkpoint import ModelCheckpoint
from trainer.callbacks.run_costs import CostsRecorder
from trainer.checkpoint import checkpoint
from trainer.cli.train import main
from trainer.engine.phase_place import PhasePlace
from trainer.run.phase_report import PhaseReport
from trainer.run.run_phases import RunPhases

# What is called at a moment; the process is killed when it returns.
MOMENTS: dict[str, tuple[Any, str]] = {
    "in on_phase_end": (PhaseReport, "on_phase_end"),
    "between end and start": (PhasePlace, "_begin"),
    "in load_weights": (RunPhases, "load_weights"),
    "in on_phase_start": (FreezeProof, "on_phase_start"),
    "before the first step": (ModelCheckpoint, "on_phase_start"),
    "after the first step": (CostsRecorder, "on_step_end"),
    "before the first checkpoint": (checkpoint, "write"),
    "in the first checkpoint": (checkpoint, "_write_tensors"),
}


def kill_at(moment: str, number: int, seconds: float) -> None:
    """Have this process killed at the first such moment after a number of transitions."""
    transitions = 0

    def count() -> None:
        nonlocal transitions
        transitions += 1

    def kill() -> None:
        if transitions > number:
            threading.Timer(seconds, _kill).start() if seconds else _kill()

    _call_before(PhaseReport, "on_phase_end", count)
    _call_after(*MOMENTS[moment], kill)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _call_after(owner: Any, name: str, then: Callable[[], None]) -> None:
    original = getattr(owner, name)

    def call(*args: Any, **keywords: Any) -> Any:
        result = original(*args, **keywords)
        then()
        return result

    setattr(owner, name, call)


def _call_before(owner: Any, name: str, first: Callable[[], None]) -> None:
    original = getattr(owner, name)

    def call(*args: Any, **keywords: Any) -> Any:
        first()
        return original(*args, **keywords)

    setattr(owner, name, call)


if __name__ == "__main__":
    moment, number, seconds, *sys.argv[1:] = sys.argv[1:]
    kill_at(moment, int(number), float(seconds))
    main()
