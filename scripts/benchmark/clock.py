"""Clock: when each step of a measurement ended, and what is made of that."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median


@dataclass(frozen=True)
class Result:
    """What a process measured.

    Attributes:
        step: seconds a step, the median of all but the first.
        first: seconds that the first step took longer, which is what compiles.
        epochs: seconds of each epoch without `first`.
        losses: mean loss of each epoch.
        memory: most memory of the process while it trained, MB (10^6 bytes).
        parameters: numbers that the net could train; None: not asked.
        wall: seconds of the whole process.
        end: seconds that training waits at an epoch's end, for proof, snapshot and checkpoint;
            None: nothing of the kind is done.
    """

    step: float
    first: float
    epochs: list[float]
    losses: list[float]
    memory: float | None
    parameters: int | None = None
    wall: float = 0.0
    end: float | None = None

    @property
    def rest(self) -> float:
        """Seconds of the process but for epochs and `first`: start-up, validation, files."""
        return self.wall - self.first - sum(self.epochs)

    def seconds(self, epochs: int) -> float:
        """Seconds for so many epochs: as measured, then as the median of all but the first."""
        more = max(0, epochs - len(self.epochs))
        return sum(self.epochs[:epochs]) + more * median(self.epochs[1:] or self.epochs)


@dataclass
class Clock:
    """Notes when each step ends.

    Attributes:
        times: seconds of each step, by epoch, the wait for data included.
        losses: of each step, by epoch.
    """

    times: list[list[float]] = field(default_factory=list)
    losses: list[list[float]] = field(default_factory=list)
    _last: float = 0.0

    def epoch(self) -> None:
        """An epoch begins."""
        if not self.times:
            _reset_memory()
        self.times.append([])
        self.losses.append([])
        self._last = time.perf_counter()

    def step(self, loss: float) -> None:
        """A step is done."""
        now = time.perf_counter()
        self.times[-1].append(now - self._last)
        self.losses[-1].append(loss)
        self._last = now

    def result(self, parameters: int) -> Result:
        """Return what has been measured, of a net with so many parameters."""
        first, *others = (seconds for epoch in self.times for seconds in epoch)
        step = median(others)
        epochs = [sum(epoch) for epoch in self.times]
        compiling = max(0.0, first - step)
        epochs[0] -= compiling
        losses = [mean(epoch) for epoch in self.losses]
        return Result(step, compiling, epochs, losses, _memory(), parameters)


def _reset_memory() -> None:
    with suppress(OSError):  # as trainer.callbacks.run_costs does
        Path("/proc/self/clear_refs").write_text("5")


def _memory() -> float | None:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return None
