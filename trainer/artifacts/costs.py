"""Costs: the time and memory that a run took, as it recorded them. Needs no MindSpore."""

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
        step_seconds: their median wall time, the wait for data included and the first step
            of each phase excluded.
        compile_seconds: by how much the first steps of all phases took longer, except for one whose
            graph was compiled before, for another run in the same process; None if there is no
            other one, or no other step.
        peak_memory_mb: peak memory of the process (10^6 bytes); None if it is unknown here.
        shared: whether the process trained other runs before.
        keeping_seconds: the median over epochs of how long training waited at their ends: until the
            weights were fetched and compared, and until the files of the epoch before were written;
            None if no epoch ended.
        data_wait_share: the share of the time of all steps, without the compilation, that they
            waited for batches, 0 to 1; None if no epoch ended.
    """

    steps: int
    step_seconds: float | None
    compile_seconds: float | None
    peak_memory_mb: float | None
    shared: bool
    keeping_seconds: float | None = None
    data_wait_share: float | None = None


def read(path: Path) -> RunCosts | None:
    """Return what a run took; None if there is no such file, or it cannot be read.

    Raises:
        ConfigError: a newer trainer has written it.
    """
    with suppress(OSError, ValueError, TypeError):
        return RunCosts(**format_version.content(json.loads(path.read_text()), path))
    return None
