"""Estimates whether stored features save more time than they cost, before anything is timed."""

import os
from dataclasses import dataclass

# Multiply-adds per second of a core or an Ascend device at best: a slower one saves more.
_RATES = {"CPU": 15e9, "Ascend": 50e12}
_BLOCKED_RATE = 65e9  # of a core with blocked convolutions
# Seconds for the probe before the run, and for two graphs to compile instead of one.
_OVERHEADS = {"CPU": 2.0, "Ascend": 90.0}
_DISK = 200e6  # bytes per second
_MEMORY = 2e9
_MIN_RATIO = 1.5  # of the time saved to the time that it costs
_NEGLIGIBLE = 0.05  # seconds


@dataclass(frozen=True)
class Estimate:
    """Estimated seconds that stored features save and cost."""

    saved: float
    cost: float

    @property
    def pays(self) -> bool:
        """Whether the time saved clearly exceeds the cost."""
        return self.saved > _MIN_RATIO * self.cost

    @property
    def is_negligible(self) -> bool:
        """Whether as good as nothing is saved."""
        return self.saved < _NEGLIGIBLE


@dataclass(frozen=True)
class Volume:
    """How many samples are computed and stored.

    Attributes:
        train: training samples per epoch.
        validation: validation samples.
        epochs: epochs to train; those of a phase need not be whole.
        views: stored views of each training sample.
    """

    train: int
    validation: int
    epochs: float
    views: int = 1

    @property
    def rows(self) -> float:
        """Samples to be stored."""
        return self.train * min(self.views, self.epochs) + self.validation


def estimate(
    volume: Volume, macs: float, row_bytes: int, target: str, blocked: bool = False
) -> Estimate:
    """Return the estimated seconds that are saved, and what they cost.

    Args:
        volume: of the run.
        macs: multiply-adds per sample that are computed once only.
        row_bytes: bytes stored per sample.
        target: MindSpore's name of the device.
        blocked: whether the convolutions of a CPU are blocked.
    """
    cores = len(os.sched_getaffinity(0)) if target == "CPU" else 1
    train_passes = volume.train * max(0, volume.epochs - volume.views)
    passes = train_passes + volume.validation * volume.epochs
    read = row_bytes * (volume.train + volume.validation) * volume.epochs
    cost = _OVERHEADS.get(target, _OVERHEADS["Ascend"])
    cost += volume.rows * row_bytes / _DISK + read / _MEMORY
    rate = _BLOCKED_RATE if blocked else _RATES.get(target, _RATES["Ascend"])
    return Estimate(passes * macs / (rate * cores), cost)
