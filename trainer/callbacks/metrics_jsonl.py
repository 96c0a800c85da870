"""Metrics: one line of JSON per epoch."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from trainer.callbacks.background_writer import Submit, run_now
from trainer.config.evaluation import ACCURACY, LOSS
from trainer.core import atomic_files, format_version
from trainer.core.errors import ConfigError
from trainer.engine.callback import Callback, EpochResult
from trainer.engine.history import History, Measurement
from trainer.engine.progress import Progress
from trainer.metrics.evaluator import Score
from trainer.metrics.monitor import Monitor, measured

Record: TypeAlias = dict[str, Any]


class MetricsJsonl(Callback):
    """Keeps ``metrics.jsonl``, which is complete after every epoch.

    Args:
        path: where the file goes.
        submit: runs the task that writes the file.
        history: of the run; the evaluations within an epoch are in its line.
        monitor: the value that decides what is best, which each line names.
    """

    def __init__(
        self,
        path: Path,
        submit: Submit = run_now,
        history: History | None = None,
        monitor: Monitor | None = None,
    ) -> None:
        self._path = path
        self._submit = submit
        self._history = history or History()
        self._monitor = monitor or Monitor()
        self._lines: list[str] = []

    def on_resume(self, epoch: int) -> None:
        """Read the lines of the epochs before."""
        self._lines = [_line(record) for record in read(self._path) if record["epoch"] <= epoch]

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Add the epoch's line."""
        within = self._history.within(epoch.number - 1) if epoch.number else []
        self._submit(partial(self._add, epoch, within))

    def _add(self, epoch: EpochResult, within: Sequence[Measurement]) -> None:
        self._lines.append(_line(record(epoch, self._monitor, within)))
        atomic_files.write_text(self._path, "".join(self._lines))


def _line(record: Record) -> str:
    """Return a record as a line; that of epoch 0, which comes first, states the file's format."""
    stamped = format_version.stamp(record) if record["epoch"] == 0 else record
    return atomic_files.dumps(stamped) + "\n"


def record(
    epoch: EpochResult, monitor: Monitor | None = None, within: Sequence[Measurement] = ()
) -> Record:
    """Return an epoch as plain data; ``frozen_ok`` tells whether no frozen tensor has moved.

    Args:
        epoch: what is known of it.
        monitor: the value that decides what is best; None: the loss.
        within: the evaluations within the epoch.
    """
    return {
        "epoch": epoch.number,
        **({"phase": epoch.phase.name} if epoch.phase else {}),
        "steps": epoch.steps,
        "loss": epoch.loss,
        **({"lr": epoch.lr} if epoch.lr else {}),
        "validation_loss": epoch.validation.loss if epoch.validation.measured else None,
        "accuracy": epoch.validation.accuracy,
        **({"metrics": dict(epoch.validation.metrics)} if epoch.validation.metrics else {}),
        **({} if epoch.ema is None else {"ema": _score(epoch.ema)}),
        "monitor": _monitored(epoch, monitor or Monitor()),
        **_within(epoch, within),
        **_gradient(epoch.progress),
        "seconds": epoch.seconds,
        "images_per_second": epoch.images_per_second,
        "frozen_ok": not epoch.moved,
        "moved": epoch.moved,
        "weights": epoch.changes,
    }


def _monitored(epoch: EpochResult, monitor: Monitor) -> Record:
    value = measured(epoch.validation, epoch.ema).get(monitor.name)
    return {"name": monitor.name, "mode": monitor.mode, "value": value}


def _within(epoch: EpochResult, measurements: Sequence[Measurement]) -> Record:
    """Return the evaluations within an epoch, besides that of its end."""
    end = epoch.reached.epochs, epoch.reached.steps
    rows = [{"step": each.steps, **each.values} for each in measurements if each.key != end]
    return {"evaluations": rows} if rows else {}


def measurements(path: Path, epochs: int) -> list[Record]:
    """Return the evaluations of a run by an older trainer, which had one at each epoch's end."""
    return [
        {"epochs": row["epoch"], "steps": 0, "values": values(row)}
        for row in read(path)
        if 0 < row["epoch"] <= epochs
    ]


def values(row: Record) -> dict[str, float]:
    """Return what the evaluation at the end of an epoch has measured, by name."""
    every = {name: row.get(name) for name in (LOSS, ACCURACY)} | row.get("metrics", {})
    return {name: float(value) for name, value in every.items() if value is not None}


def _score(score: Score) -> Record:
    return {
        "validation_loss": score.loss if score.measured else None,
        "accuracy": score.accuracy,
        **({"metrics": dict(score.metrics)} if score.metrics else {}),
    }


def _gradient(progress: Progress) -> Record:
    """Return the norm before clipping over an epoch's steps, and the skipped steps of the run."""
    fields: Record = {}
    if progress.norms:
        mean = progress.norm / progress.norms
        fields["gradient_norm"] = {"mean": mean, "max": progress.largest_norm}
    if progress.skipped:
        fields["skipped_steps"] = progress.skipped
    return fields


def read(path: Path) -> list[Record]:
    """Return the records of a ``metrics.jsonl``; none if there is no such file.

    Raises:
        ConfigError: it has been changed.
    """
    try:
        records = [dict(json.loads(line)) for line in path.read_text().splitlines()]
        for first in records[:1]:
            format_version.check(first, path)
        return records
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        problem = f"{path}: expected one line of JSON per epoch, as the run wrote it ({error})"
        raise ConfigError([problem]) from None
