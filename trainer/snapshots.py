"""Snapshots: the weights after every epoch, and the table of how far each has gone."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer import weights
from trainer.rules import takes
from trainer.watcher import Epoch, Watcher
from trainer.weights import Weights

log = logging.getLogger(__name__)


class Snapshots(Watcher):
    """Writes ``epoch_NNN.safetensors`` and fills in ``epoch.changes``.

    Args:
        folder: where the files go.
        keep: ``all`` files, the ``last`` one, or none (``off``); the table is made in any case.
        shown: patterns of what is printed with its values at the start and at the end.
    """

    def __init__(self, folder: Path, keep: str, shown: Sequence[str]) -> None:
        self._folder = folder
        self._keep = keep
        self._shown = shown
        self._start: Weights = {}
        self._last: Weights = {}

    def resume(self, epoch: int) -> None:
        """Take up the weights of the start and of the last whole epoch."""
        for path in self._folder.glob("epoch_*.safetensors"):
            if int(path.stem[6:]) > epoch:
                path.unlink()
        self._start = weights.read(self._folder / "epoch_000.safetensors")
        self._last = weights.read(self._folder / f"epoch_{epoch:03d}.safetensors")

    def epoch(self, epoch: Epoch) -> None:
        """Write the file, fill in the table, print what was asked for."""
        if epoch.number == 0:
            self._start = self._last = epoch.weights
            self._print("start", epoch.weights)
        self._write(epoch)
        states = {p.name: p.state for p in epoch.plan.parameters}
        epoch.changes = [
            _row(name, states[name], array, self._start[name], self._last[name])
            for name, array in epoch.weights.items()
        ]
        self._last = epoch.weights

    def end(self, done: bool) -> None:
        """Print the values at the end."""
        self._print("end", self._last)

    def _write(self, epoch: Epoch) -> None:
        if self._keep == "off":
            return
        path = self._folder / f"epoch_{epoch.number:03d}.safetensors"
        weights.write(path, epoch.weights)
        if self._keep == "last":
            for older in self._folder.glob("epoch_*.safetensors"):
                if older != path:
                    older.unlink()

    def _print(self, moment: str, values: Weights) -> None:
        for name, array in values.items():
            if any(takes(pattern, name) for pattern in self._shown):
                same = weights.same_bits(array, self._start[name])
                note = "" if moment == "start" else f", {'equal' if same else 'not equal'} to start"
                log.info("%s at %s%s:\n%s", name, moment, note, np.array2string(array))


def _row(
    name: str,
    state: str,
    array: NDArray[Any],
    start: NDArray[Any],
    last: NDArray[Any],
) -> dict[str, Any]:
    now = array.astype(np.float64)
    since_start, since_last = np.abs(now - start), np.abs(now - last)
    return {
        "name": name,
        "state": state,
        "norm": float(np.linalg.norm(now)),
        "largest_since_start": float(since_start.max(initial=0.0)),
        "mean_since_start": float(since_start.mean()) if array.size else 0.0,
        "largest_since_last": float(since_last.max(initial=0.0)),
        "mean_since_last": float(since_last.mean()) if array.size else 0.0,
    }
