"""Snapshots: the weights after every epoch, and the table of how far each has moved."""

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
        settings: which epochs are retained.
        shown: patterns of parameters whose values are printed at the start and at the end.
        submit: runs the task that writes the files and fills in the table.
    """

    def __init__(
        self,
        folder: Path,
        settings: SnapshotSettings,
        shown: Sequence[str] = (),
        submit: Submit = run_now,
    ) -> None:
        self._submit = submit
        self._store = SnapshotStore(folder)
        self._settings = settings
        self._shown = shown
        self._start: Weights = {}
        self._last: Weights = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self._has_reported = False

    def on_resume(self, epoch: int) -> None:
        """Read the weights of the start and of the last epoch; remove later ones."""
        self._last = _read_or_warn(epoch, lambda: self._store.resume(epoch))
        self._start = self._last if epoch == 0 else _read_or_warn(0, lambda: self._store.read(0))

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Print the chosen parameters; write the epoch and fill in the table in the background."""
        if epoch.number == 0:
            self._print("start", epoch.weights)
        self._submit(partial(self._write_epoch, epoch))

    def _write_epoch(self, epoch: EpochResult) -> None:
        if epoch.number == 0:
            self._store.drop(self._store.epochs())  # of a run killed before its first checkpoint
            self._start = self._last = epoch.weights
        self._store.write(epoch.number, epoch.weights)
        self._thin(done=False)
        states = {p.name: p.state for p in epoch.plan.parameters}
        states |= {name: "trainable" for name in epoch.trained if states[name] == "frozen"}
        epoch.changes = [
            self._row(name, states[name], array) for name, array in epoch.weights.items()
        ]
        self._rows = {row["name"]: row for row in epoch.changes}
        self._last = epoch.weights

    def _row(self, name: str, state: str, array: NDArray[Any]) -> dict[str, Any]:
        """Return a tensor's row; if it has not changed, the last row with changes of 0."""
        last, known = self._last.get(name), self._rows.get(name)
        finite = known is not None and math.isfinite(known["norm"])
        if known and finite and _fits(last, array) and tensors.same_bits(last, array):
            return {**known, "state": state, "largest_since_last": 0.0, "mean_since_last": 0.0}
        return _row(name, state, array, self._start.get(name), last)

    def on_run_end(self, done: bool) -> None:
        """Remove what was only needed for a resume, and print the values at the end."""
        self._thin(done)
        with suppress(OSError):  # not empty, or never created
            self._store.folder.rmdir()
        self._print("end", self._last)

    def _thin(self, done: bool) -> None:
        """Drop what is not to be retained; then, to limit the size, epochs from the middle."""
        if surplus := retention.surplus(self._store.epochs(), self._settings.keep, done):
            self._store.drop(surplus)
        limit = self._settings.max_mb
        while limit is not None and self._store.size() > limit * _MB:
            next_to_drop = retention.densest(self._store.epochs(), done)
            self._report_once(limit, next_to_drop)
            if next_to_drop is None:
                return
            self._store.drop([next_to_drop])

    def _report_once(self, limit: float, next_to_drop: int | None) -> None:
        if not self._has_reported and next_to_drop is None:
            log.warning("warning: snapshots: the first and the latest alone exceed %g MB", limit)
        elif not self._has_reported:
            log.info(
                "snapshots exceed snapshot.max_mb=%g: the middle is thinned from now on", limit
            )
        self._has_reported = True

    def _print(self, moment: str, values: Weights) -> None:
        for name, array in values.items():
            if any(matches(pattern, name) for pattern in self._shown):
                note = "" if moment == "start" else f", {self._against_start(name, array)} to start"
                log.info("%s at %s%s:\n%s", name, moment, note, np.array2string(array))

    def _against_start(self, name: str, array: NDArray[Any]) -> str:
        if not _fits(self._start.get(name), array):
            return "not known if equal"
        return "equal" if tensors.same_bits(array, self._start[name]) else "not equal"


def _read_or_warn(epoch: int, read: Callable[[], Weights]) -> Weights:
    """Return an epoch's weights; none if they are lost, which must not end a run."""
    try:
        return read()
    except ConfigError as error:
        lost = "; ".join(error.problems)
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
    """Tell whether an array can be compared with an earlier one; the model may have changed."""
    return before is not None and before.shape == array.shape
