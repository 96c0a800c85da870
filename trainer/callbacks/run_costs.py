"""Costs: what a run took: seconds to compile, seconds per step, memory."""

import statistics
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from trainer.artifacts.costs import RunCosts
from trainer.core import atomic_files, format_version
from trainer.engine.callback import Callback, PhaseResult
from trainer.engine.progress import Progress

_RESET_PEAK = "5"  # see proc(5), clear_refs


class CostsRecorder(Callback):
    """Writes ``costs.json`` when a run is over.

    Args:
        path: where the file goes.
        compiled: whether the step's graph was compiled before.
        shared: whether the process trained other runs before.
    """

    def __init__(self, path: Path, compiled: bool = False, shared: bool = False) -> None:
        self._path = path
        self._compiled = compiled
        self._shared = shared
        self._seconds: list[float] = []
        self._firsts: list[float] = []  # those of the steps that compile a phase's graph
        self._begins = True
        self._keeping: list[float] = []
        self._waited: float | None = None
        with suppress(OSError):  # the peak of the runs before
            Path("/proc/self/clear_refs").write_text(_RESET_PEAK)

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        """Note a step's time."""
        (self._firsts if self._begins else self._seconds).append(seconds)
        self._begins = False

    def on_phase_end(self, phase: PhaseResult) -> None:
        """Note that the next step compiles."""
        self._begins = True

    def on_data_wait(self, seconds: float) -> None:
        """Note the time that the steps of an epoch waited for data."""
        self._waited = (self._waited or 0.0) + seconds

    def on_epoch_overhead(self, seconds: float) -> None:
        """Note the time of an epoch's end."""
        self._keeping.append(seconds)

    def on_run_end(self, done: bool) -> None:
        """Write the file, unless nothing was trained."""
        median = statistics.median(self._seconds) if self._seconds else None
        compiling = self._compiling(median)
        keeping = statistics.median(self._keeping) if self._keeping else None
        steps, memory = len(self._firsts) + len(self._seconds), _peak_memory()
        waits = self._wait_share(compiling or 0.0)
        spent = RunCosts(steps, median, compiling, memory, self._shared, keeping, waits)
        if steps:
            atomic_files.write_json(self._path, format_version.stamp(asdict(spent)))

    def _compiling(self, median: float | None) -> float | None:
        """Return by how much the first steps of the phases took longer than the others."""
        firsts = self._firsts[1:] if self._compiled else self._firsts
        if median is None or not firsts:
            return None
        return sum(max(0.0, first - median) for first in firsts)

    def _wait_share(self, compiling: float) -> float | None:
        """Return the share of the time of all steps, compilation excluded, that was a wait."""
        total = sum(self._firsts) + sum(self._seconds) - compiling
        return None if self._waited is None or total <= 0 else min(1.0, self._waited / total)


def _peak_memory() -> float | None:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return None
