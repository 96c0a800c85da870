"""Snapshots: the weights after every epoch, and the table of how far each has gone."""

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from trainer.callbacks.background_writer import Submit, run_now
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.config import retention
from trainer.config.groups import SnapshotSettings
from trainer.config.rules import matches
from trainer.core import tensors
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights
from trainer.engine.callback import Callback, EpochResult

log = logging.getLogger(__name__)

_MB = 1_000_000


class Snapshots(Callback):
    """Writes the epochs to the store and fills in ``epoch.changes``.

    Args:
        folder: where the store is; see ``trainer.checkpoint.snapshot_store``.
        settings: what stays there.
        shown: patterns of what is printed with its values at the start and at the end.
        give: has the files written and the table made.
    """

    def __init__(
        self,
        folder: Path,
        settings: SnapshotSettings,
        shown: Sequence[str] = (),
        give: Submit = run_now,
    ) -> None:
        self._give = give
        self._store = SnapshotStore(folder)
        self._settings = settings
        self._shown = shown
        self._start: Weights = {}
        self._last: Weights = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self._told = False

    def on_resume(self, epoch: int) -> None:
        """Take up the weights of the start and of the last epoch; forget later ones."""
        self._last = _known(epoch, lambda: self._store.resume(epoch))
        self._start = self._last if epoch == 0 else _known(0, lambda: self._store.read(0))

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Print what was asked for; have the epoch written and the table filled in."""
        if epoch.number == 0:
            self._print("start", epoch.weights)
        self._give(partial(self._take, epoch))

    def _take(self, epoch: EpochResult) -> None:
        if epoch.number == 0:
            self._store.drop(self._store.epochs())  # of a run killed before its first checkpoint
            self._start = self._last = epoch.weights
        self._store.write(epoch.number, epoch.weights)
        self._thin(done=False)
        states = {p.name: p.state for p in epoch.plan.parameters}
        epoch.changes = [
            self._row(name, states[name], array) for name, array in epoch.weights.items()
        ]
        self._rows = {row["name"]: row for row in epoch.changes}
        self._last = epoch.weights

    def _row(self, name: str, state: str, array: NDArray[Any]) -> dict[str, Any]:
        """Return a tensor's row; of one that has not changed, the last one with no change."""
        last, known = self._last.get(name), self._rows.get(name)
        finite = known is not None and math.isfinite(known["norm"])
        if known and finite and _fits(last, array) and tensors.same_bits(last, array):
            return {**known, "state": state, "largest_since_last": 0.0, "mean_since_last": 0.0}
        return _row(name, state, array, self._start.get(name), last)

    def on_run_end(self, done: bool) -> None:
        """Let go of what was only needed to go on, and print the values at the end."""
        self._thin(done)
        with suppress(OSError):  # not empty, or never made
            self._store.folder.rmdir()
        self._print("end", self._last)

    def _thin(self, done: bool) -> None:
        """Drop what is not to be kept, then, for the size, from the middle what is missed least."""
        if gone := retention.surplus(self._store.epochs(), self._settings.keep, done):
            self._store.drop(gone)
        most = self._settings.max_mb
        while most is not None and self._store.size() > most * _MB:
            next_to_go = retention.densest(self._store.epochs(), done)
            self._tell_once(most, next_to_go)
            if next_to_go is None:
                return
            self._store.drop([next_to_go])

    def _tell_once(self, most: float, next_to_go: int | None) -> None:
        if not self._told and next_to_go is None:
            log.warning("warning: snapshots: the first and the latest alone exceed %g MB", most)
        elif not self._told:
            log.info("snapshots exceed snapshot.max_mb=%g: the middle is thinned from now on", most)
        self._told = True

    def _print(self, moment: str, values: Weights) -> None:
        for name, array in values.items():
            if any(matches(pattern, name) for pattern in self._shown):
                note = "" if moment == "start" else f", {self._against_start(name, array)} to start"
                log.info("%s at %s%s:\n%s", name, moment, note, np.array2string(array))

    def _against_start(self, name: str, array: NDArray[Any]) -> str:
        if not _fits(self._start.get(name), array):
            return "not known if equal"
        return "equal" if tensors.same_bits(array, self._start[name]) else "not equal"


def _known(epoch: int, read: Callable[[], Weights]) -> Weights:
    """Return an epoch's weights; none if they are lost, for which no run shall end."""
    try:
        return read()
    except ConfigError as mistake:
        lost = "; ".join(mistake.problems)
        log.warning("warning: changes since epoch %d will not be known: %s", epoch, lost)
        return {}


def _row(
    name: str,
    state: str,
    array: NDArray[Any],
    start: NDArray[Any] | None,
    last: NDArray[Any] | None,
) -> dict[str, Any]:
    norm = tensors.norm(array)
    since_start, since_last = _change(start, array, norm), _change(last, array, norm)
    return {
        "name": name,
        "state": state,
        "norm": norm,
        "largest_since_start": since_start[0],
        "mean_since_start": since_start[1],
        "largest_since_last": since_last[0],
        "mean_since_last": since_last[1],
    }


def _change(before: NDArray[Any] | None, array: NDArray[Any], norm: float) -> tuple[float, float]:
    """Return the largest and the mean change; NaN where it is not known."""
    if not _fits(before, array):
        return float("nan"), float("nan")
    if before is array and math.isfinite(norm):
        return 0.0, 0.0
    return tensors.change(before, array)


def _fits(before: NDArray[Any] | None, array: NDArray[Any]) -> TypeGuard[NDArray[Any]]:
    """Tell whether an array can be compared with an earlier one: another net may go on."""
    return before is not None and before.shape == array.shape
