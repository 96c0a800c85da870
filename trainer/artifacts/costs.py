"""Spent: what a run took, as it has written it. Needs no MindSpore."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trainer.core import format_version


@dataclass(frozen=True)
class RunCosts:
    """What a run took since it was started last.

    Attributes:
        steps: training steps.
        step_seconds: the median of them, wall time with the wait for data, but for the first.
        compile_seconds: what the first step took longer; None: its graph was compiled before, for
            another run in the same process, or there was but one step.
        peak_memory_mb: most memory of the process (10^6 bytes); None: not known here.
        shared: whether the process trained other runs before.
        keeping_seconds: the median over epochs of how long training waited at their ends, for the
            weights to be fetched and compared and for what the end before had left to write; None:
            there was none.
    """

    steps: int
    step_seconds: float | None
    compile_seconds: float | None
    peak_memory_mb: float | None
    shared: bool
    keeping_seconds: float | None = None


def read(path: Path) -> RunCosts | None:
    """Return what a run took; None: there is no such file, or it cannot be read."""
    with suppress(OSError, ValueError, TypeError):
        return RunCosts(**format_version.content(json.loads(path.read_text()), path))
    return None
