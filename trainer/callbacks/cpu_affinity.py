"""Placement: the main thread on a core of its own, if this machine shows that it helps.

MindSpore's main thread waits by ``sched_yield``, and so do its runtime's threads; where two that
wait for each other share a core, each hand-over costs a time slice. On one 2-core machine a LeNet-5
step fell from 80-206 ms to 10-15 ms with the threads apart, on another it rose from 12 to 16 ms. So
nothing is assumed: a run tries both in its own first steps and keeps the better. The results of
training do not depend on it.
"""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from trainer.engine.callback import Callback, EpochResult
from trainer.engine.progress import Progress

file_log = logging.getLogger(f"{__name__}.table")

_WARM_UP = 3  # steps: the compile and what settles after it
_BLOCK = 8  # steps of one kind on end; two blocks of each kind, in turn
_FEW = 3  # steps apart, after which the trial may end
_GAIN = 0.8  # apart must take at most this share of free's median


class CpuAffinity(Callback):
    """Places the process's threads while a run trains, and frees them at the end.

    Args:
        mode: ``auto`` tries both, ``apart`` and ``free`` are fixed.
        others: so many steps at the start are unlike those that follow, and tell nothing.
    """

    def __init__(self, mode: str, others: int = 0) -> None:
        self._warm_up = others + _WARM_UP
        self._cores = sorted(os.sched_getaffinity(0))
        self._mode = mode if len(self._cores) > 1 else "free"
        self._times: dict[str, list[float]] = {"free": [], "apart": []}
        self._steps = 0
        self._in_epoch = 0
        if self._mode == "apart":
            self._place("apart")

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        """Take the time of a step done under the present placement; place for the next."""
        self._in_epoch += 1
        if self._mode == "apart" and self._in_epoch <= _WARM_UP:
            self._place("apart")  # threads of the graph and of the data are started just now
        if self._mode != "auto":
            return
        turn = self._steps - self._warm_up
        if turn >= 0:
            self._times[_kind(turn)].append(seconds)
        self._steps += 1
        if turn + 1 == 4 * _BLOCK or self._is_hopeless():
            self._decide()
        elif turn + 1 >= 0 and (turn + 1) % _BLOCK == 0:
            self._place(_kind(turn + 1))

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Look for new threads again: an epoch's data have threads of their own."""
        self._in_epoch = 0

    def on_run_end(self, done: bool) -> None:
        """Free the threads that were placed."""
        if self._mode != "free" or self._steps:
            self._place("free")

    def _is_hopeless(self) -> bool:
        """Tell whether the best of a few steps apart takes longer than is usual without."""
        free, apart = self._times["free"], self._times["apart"]
        return len(apart) >= _FEW and min(apart) > median(free)

    def _decide(self) -> None:
        free, apart = (median(self._times[kind]) for kind in ("free", "apart"))
        self._mode = "apart" if apart <= _GAIN * free else "free"
        self._place(self._mode)
        file_log.info(
            "threads %s: a step takes %.1f ms with the main thread apart, %.1f ms without",
            self._mode,
            1000 * apart,
            1000 * free,
        )

    def _place(self, kind: str) -> None:
        first, *rest = self._cores
        main = os.getpid()
        for thread in _threads():
            cores: Iterable[int] = self._cores
            if kind == "apart":
                cores = [first] if thread == main else rest
            try:
                os.sched_setaffinity(thread, cores)
            except ProcessLookupError:  # it has ended since it was listed
                continue


def _kind(turn: int) -> str:
    return ("free", "apart")[turn // _BLOCK % 2]


def _threads() -> list[int]:
    return [int(path.name) for path in Path("/proc/self/task").iterdir()]
