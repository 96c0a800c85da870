"""Payoff: whether stored features save more time than they cost, told before anything is timed."""

import os
from dataclasses import dataclass

# Multiply-adds a second that a core or an Ascend device does at best: what is slower gains more.
_RATES = {"CPU": 15e9, "Ascend": 50e12}
# Seconds: what is tried before, and two graphs to compile instead of one.
_OVERHEADS = {"CPU": 8.0, "Ascend": 90.0}
_DISK = 200e6  # bytes a second
_MEMORY = 2e9
_MARGIN = 1.5  # times the cost that must be saved


@dataclass(frozen=True)
class Estimate:
    """Seconds that stored features save and cost, as far as can be told."""

    saved: float
    cost: float

    @property
    def pays(self) -> bool:
        """Whether it is worth it."""
        return self.saved > _MARGIN * self.cost


@dataclass(frozen=True)
class Volume:
    """How much there is to compute and to keep.

    Attributes:
        train: training samples of an epoch.
        validation: validation samples.
        epochs: to train.
        views: how many of each training sample.
    """

    train: int
    validation: int
    epochs: int
    views: int = 1

    @property
    def rows(self) -> int:
        """Samples to be stored."""
        return self.train * min(self.views, self.epochs) + self.validation


def predict(volume: Volume, work: float, row_bytes: int, target: str) -> Estimate:
    """Return what is saved and what it costs.

    Args:
        volume: of the run.
        work: multiply-adds of a sample that need be done but once.
        row_bytes: bytes stored of a sample.
        target: MindSpore's name of the device.
    """
    cores = len(os.sched_getaffinity(0)) if target == "CPU" else 1
    again = volume.train * max(0, volume.epochs - volume.views) + volume.validation * volume.epochs
    read = row_bytes * (volume.train + volume.validation) * volume.epochs
    cost = _OVERHEADS.get(target, _OVERHEADS["Ascend"])
    cost += volume.rows * row_bytes / _DISK + read / _MEMORY
    rate = _RATES.get(target, _RATES["Ascend"])
    return Estimate(again * work / (rate * cores), cost)
