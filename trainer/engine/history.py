"""History: all evaluations of a run with their values. No MindSpore.

It stands in each checkpoint, and what depends on it (early stopping, the best checkpoint, a plateau
of the learning rate) is a function of it alone, so that a resumed run decides as it would have.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.engine.progress import Progress


@dataclass(frozen=True)
class Measurement:
    """An evaluation.

    Attributes:
        epochs: number of complete epochs before it.
        steps: optimizer steps of the epoch that had begun; 0: it was at an epoch's end.
        values: what was measured, by name.
    """

    epochs: int
    steps: int
    values: Mapping[str, float]

    @property
    def progress(self) -> Progress:
        """How far the run had come."""
        return Progress(self.epochs, self.steps)

    @property
    def key(self) -> tuple[int, int]:
        """Its place among the others."""
        return self.epochs, self.steps

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"epochs": self.epochs, "steps": self.steps, "values": dict(self.values)}


class History:
    """The evaluations of a run in their order, without that before the first step."""

    def __init__(self, measurements: Iterable[Measurement] = ()) -> None:
        self._measurements = {each.key: each for each in measurements}

    @classmethod
    def from_json(
        cls, rows: Sequence[Mapping[str, Any]], keep: Callable[[Progress], bool]
    ) -> "History":
        """Return the history of a checkpoint.

        Args:
            rows: as ``as_json`` returns them.
            keep: tells whether the run as it is now has an evaluation there. One that was only the
                end of a shorter run is left out, so that both train the same.
        """
        every = [
            Measurement(
                row["epochs"], row["steps"], {n: float(v) for n, v in row["values"].items()}
            )
            for row in rows
        ]
        return cls(each for each in every if keep(each.progress))

    def add(self, progress: Progress, values: Mapping[str, float]) -> None:
        """Add an evaluation; one at the same progress is replaced."""
        if values:
            each = Measurement(progress.epochs, progress.steps, dict(values))
            self._measurements[each.key] = each

    @property
    def count(self) -> int:
        """The number of evaluations."""
        return len(self._measurements)

    def series(self, name: str) -> list[tuple[Progress, float]]:
        """Return the values of one name, each with how far the run had come."""
        every = self._measurements.values()
        return [(each.progress, each.values[name]) for each in every if name in each.values]

    def within(self, epochs: int) -> list[Measurement]:
        """Return the evaluations within the epoch that follows a number of complete ones."""
        every = self._measurements.values()
        return [each for each in every if each.epochs == epochs and each.steps]

    def at(self, progress: Progress) -> Measurement | None:
        """Return the evaluation at a progress; None: there was none."""
        return self._measurements.get((progress.epochs, progress.steps))

    def as_json(self) -> list[dict[str, Any]]:
        """Return it as plain data."""
        return [each.as_json() for each in self._measurements.values()]
