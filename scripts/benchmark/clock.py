"""Records when each step of a measurement ends, and computes its result."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median


@dataclass(frozen=True)
class Result:
    """The result of one process.

    Attributes:
        step: seconds per step, the median of all steps except the first.
        first: additional seconds of the first step, which compiles.
        epochs: seconds of each epoch without `first`.
        losses: mean loss of each epoch.
        memory: peak memory of the process during training, MB (10^6 bytes).
        parameters: number of trainable values of the model; None: not measured.
        wall: seconds of the whole process.
        end: seconds that training waits at the end of an epoch, for proof, snapshot and checkpoint;
            None: the contender has none of these.
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
        """Seconds of the process without epochs and `first`: start-up, validation, files."""
        return self.wall - self.first - sum(self.epochs)

    def seconds(self, epochs: int) -> float:
        """Seconds for a number of epochs; the median of all but the first stands for more."""
        unmeasured = max(0, epochs - len(self.epochs))
        return sum(self.epochs[:epochs]) + unmeasured * median(self.epochs[1:] or self.epochs)


@dataclass
class Clock:
    """Records when each step ends.

    Attributes:
        times: seconds of each step, by epoch, including the wait for data.
        losses: loss of each step, by epoch.
    """

    times: list[list[float]] = field(default_factory=list)
    losses: list[list[float]] = field(default_factory=list)
    _last: float = 0.0

    def epoch(self) -> None:
        """Record that an epoch begins."""
        if not self.times:
            _reset_memory()
        self.times.append([])
        self.losses.append([])
        self._last = time.perf_counter()

    def step(self, loss: float) -> None:
        """Record that a step has ended."""
        now = time.perf_counter()
        self.times[-1].append(now - self._last)
        self.losses[-1].append(loss)
        self._last = now

    def result(self, parameters: int | None) -> Result:
        """Return the result for a model with this number of parameters; None: there is no model."""
        first, *others = (seconds for epoch in self.times for seconds in epoch)
        step = median(others)
        epochs = [sum(epoch) for epoch in self.times]
        compiling = max(0.0, first - step)
        epochs[0] -= compiling
        losses = [mean(epoch) for epoch in self.losses]
        return Result(step, compiling, epochs, losses, _memory(), parameters)


def _reset_memory() -> None:
    with suppress(OSError):  # see trainer.callbacks.run_costs
        Path("/proc/self/clear_refs").write_text("5")


def _memory() -> float | None:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return None
