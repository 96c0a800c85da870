"""Metrics: one line of JSON per epoch."""

import json
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from trainer.callbacks.background_writer import Submit, run_now
from trainer.core import atomic_files, format_version
from trainer.core.errors import ConfigError
from trainer.engine.callback import Callback, EpochResult

Record: TypeAlias = dict[str, Any]


class MetricsJsonl(Callback):
    """Keeps ``metrics.jsonl``, which is complete after every epoch.

    Args:
        path: where the file goes.
        submit: runs the task that writes the file.
    """

    def __init__(self, path: Path, submit: Submit = run_now) -> None:
        self._path = path
        self._submit = submit
        self._lines: list[str] = []

    def on_resume(self, epoch: int) -> None:
        """Read the lines of the epochs before."""
        self._lines = [_line(record) for record in read(self._path) if record["epoch"] <= epoch]

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Add the epoch's line."""
        self._submit(partial(self._add, epoch))

    def _add(self, epoch: EpochResult) -> None:
        self._lines.append(_line(record(epoch)))
        atomic_files.write_text(self._path, "".join(self._lines))


def _line(record: Record) -> str:
    """Return a record as a line; that of epoch 0, which comes first, states the file's format."""
    stamped = format_version.stamp(record) if record["epoch"] == 0 else record
    return atomic_files.dumps(stamped) + "\n"


def record(epoch: EpochResult) -> Record:
    """Return an epoch as plain data; ``frozen_ok`` tells whether no frozen tensor has moved."""
    return {
        "epoch": epoch.number,
        "steps": epoch.steps,
        "loss": epoch.loss,
        **({"lr": epoch.lr} if epoch.lr else {}),
        "validation_loss": epoch.validation.loss if epoch.validation.measured else None,
        "accuracy": epoch.validation.accuracy,
        **({"metrics": dict(epoch.validation.metrics)} if epoch.validation.metrics else {}),
        "seconds": epoch.seconds,
        "images_per_second": epoch.images_per_second,
        "frozen_ok": not epoch.moved,
        "moved": epoch.moved,
        "weights": epoch.changes,
    }


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
