"""Metrics: a line of JSON an epoch."""

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
    """Keeps ``metrics.jsonl``, whole after every epoch.

    Args:
        path: where the file goes.
        give: has the file written.
    """

    def __init__(self, path: Path, give: Submit = run_now) -> None:
        self._path = path
        self._give = give
        self._lines: list[str] = []

    def on_resume(self, epoch: int) -> None:
        """Take up the lines of the epochs before."""
        self._lines = [_line(record) for record in read(self._path) if record["epoch"] <= epoch]

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Have the epoch's line added."""
        self._give(partial(self._add, epoch))

    def _add(self, epoch: EpochResult) -> None:
        self._lines.append(_line(record(epoch)))
        atomic_files.write_text(self._path, "".join(self._lines))


def _line(record: Record) -> str:
    """Return a record as a line; that of epoch 0, which comes first, states the file's format."""
    stamped = format_version.stamp(record) if record["epoch"] == 0 else record
    return atomic_files.dumps(stamped) + "\n"


def record(epoch: EpochResult) -> Record:
    """Return an epoch as plain data; ``frozen_ok`` tells whether all frozen tensors were still."""
    return {
        "epoch": epoch.number,
        "steps": epoch.steps,
        "loss": epoch.loss,
        "validation_loss": epoch.validation.loss,
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
        problem = f"{path}: expected a line of JSON an epoch, as the run wrote it ({error})"
        raise ConfigError([problem]) from None
