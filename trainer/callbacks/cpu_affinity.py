"""CPU affinity: the main thread on its own core, if that is measured to be faster here.

MindSpore's main thread and its runtime's threads wait by ``sched_yield``. If two threads that wait
for each other share a core, each hand-over costs a time slice. On one 2-core machine a LeNet-5
step fell from 80-206 ms to 10-15 ms with the threads apart, on another it rose from 12 to 16 ms. So
a run measures both in its own first steps and keeps the faster one. The results of training do not
depend on it.
"""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from trainer.engine.callback import Callback, EpochResult
from trainer.engine.progress import Progress

file_log = logging.getLogger(f"{__name__}.table")

_WARM_UP = 3  # steps: the compilation, and those that are slow after it
_BLOCK = 8  # consecutive steps of one placement; two blocks of each, alternating
_MIN_STEPS = 3  # with the threads apart, after which the trial may end
_GAIN = 0.8  # the median apart must be at most this share of the median free


class CpuAffinity(Callback):
    """Pins the process's threads while a run trains, and unpins them at the end.

    Args:
        mode: ``auto`` tries both, ``apart`` and ``free`` are fixed.
        others: the number of steps at the start that are not measured, because later ones differ.
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
        """Note the time of a step under the present placement; choose that of the next."""
        self._in_epoch += 1
        if self._mode == "apart" and self._in_epoch <= _WARM_UP:
            self._place("apart")  # threads of the graph and of the data start in these steps
        if self._mode != "auto":
            return
        turn = self._steps - self._warm_up
        if turn >= 0:
            self._times[_placement(turn)].append(seconds)
        self._steps += 1
        if turn + 1 == 4 * _BLOCK or self._is_hopeless():
            self._decide()
        elif turn + 1 >= 0 and (turn + 1) % _BLOCK == 0:
            self._place(_placement(turn + 1))

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Look for new threads again: the data of each epoch have their own."""
        self._in_epoch = 0

    def on_run_end(self, done: bool) -> None:
        """Unpin the threads."""
        if self._mode != "free" or self._steps:
            self._place("free")

    def _is_hopeless(self) -> bool:
        """Tell whether the best of the first steps apart is slower than the median without."""
        free, apart = self._times["free"], self._times["apart"]
        return len(apart) >= _MIN_STEPS and min(apart) > median(free)

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

    def _place(self, placement: str) -> None:
        first, *rest = self._cores
        main = os.getpid()
        for thread in _threads():
            cores: Iterable[int] = self._cores
            if placement == "apart":
                cores = [first] if thread == main else rest
            try:
                os.sched_setaffinity(thread, cores)
            except ProcessLookupError:  # it has ended since it was listed
                continue


def _placement(turn: int) -> str:
    return ("free", "apart")[turn // _BLOCK % 2]


def _threads() -> list[int]:
    return [int(path.name) for path in Path("/proc/self/task").iterdir()]
