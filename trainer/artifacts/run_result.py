"""Run result: how a run ended, and which weights it left with which values. Needs no MindSpore."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from trainer.core import atomic_files, format_version
from trainer.core.run_files import RESULT

Ended: TypeAlias = Literal["epochs", "max_steps", "early_stopping", "phases", "pruned"]


@dataclass(frozen=True)
class Moment:
    """A moment of a run: complete epochs, and optimizer steps of the one that had begun."""

    epochs: int
    steps: int = 0

    def __str__(self) -> str:
        """Return it in words."""
        if self.steps:
            return f"epoch {self.epochs + 1}, step {self.steps}"
        return f"epoch {self.epochs}"


@dataclass(frozen=True)
class RunResult:
    """``result.json`` of a run that has come to its end.

    Attributes:
        ended: what ended it: its number of epochs or of steps, early stopping, its last phase, or a
            search.
        reason: why it ended early; empty: it did not.
        end: when it ended.
        weights: the moment of the weights in ``model.safetensors``.
        monitor: the value that decides what is best.
        mode: whether the lowest or the highest value is the best: ``min`` or ``max``.
        value: that of the weights; None: it was not measured.
        values: all that was measured of the weights.
    """

    ended: Ended
    reason: str
    end: Moment
    weights: Moment
    monitor: str
    mode: str
    value: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)


def write(run: Path, result: RunResult) -> None:
    """Write the result of a run into its folder."""
    atomic_files.write_json(run / RESULT, format_version.stamp(asdict(result)))


def read(run: Path) -> RunResult | None:
    """Return the result of a run; None if it has none, as those of older trainers.

    Raises:
        ConfigError: a newer trainer has written it.
    """
    with suppress(OSError, ValueError, TypeError, KeyError):
        data = format_version.content(json.loads((run / RESULT).read_text()), run / RESULT)
        moments = {name: Moment(**data[name]) for name in ("end", "weights")}
        values = {name: float(value) for name, value in data["values"].items()}
        value = None if data["value"] is None else float(data["value"])
        return RunResult(**{**data, **moments, "values": values, "value": value})
    return None


def reason(run: Path) -> str:
    """Return why a run ended early; empty: it did not, or it is not known."""
    result = read(run)
    return result.reason if result else ""
