"""Records: what the suite has measured, and the ratios that are taken of it."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from scripts.benchmark.case import Case, Task
from scripts.benchmark.clock import Result

FILE = "records.json"
Measure = Callable[["Record"], float]


@dataclass(frozen=True)
class Record:
    """A case that was to be measured.

    Attributes:
        part: of the suite.
        repeat: counted from 0.
        case: what was measured.
        result: what came of it; None: nothing.
        reason: why nothing.
    """

    part: str
    repeat: int
    case: Case
    result: Result | None
    reason: str = ""

    @property
    def step(self) -> float:
        """Seconds a step."""
        assert self.result is not None
        return self.result.step

    def seconds(self, epochs: int) -> float:
        """Seconds for so many epochs of the task's images, where fewer were trained on too."""
        assert self.result is not None
        return self.result.seconds(epochs) * self.case.task.images / self.case.images

    @property
    def end(self) -> float:
        """What training waits at an epoch's end, as a share of the epoch."""
        assert self.result is not None and self.result.end is not None
        return self.result.end / median(self.result.epochs)

    @property
    def ten(self) -> float:
        """Seconds for ten epochs."""
        return self.seconds(10)


@dataclass(frozen=True)
class Row:
    """The records of a race, of all its repeats.

    Attributes:
        records: of all its contenders.
    """

    records: Sequence[Record]

    def __str__(self) -> str:
        return f"{self.case.task}, {self.case.extent}, {self.case.method or 'no method'}"

    @property
    def case(self) -> Case:
        """A case of the race."""
        return self.records[0].case

    @property
    def part(self) -> str:
        """Of the suite."""
        return self.records[0].part

    @property
    def cuts(self) -> bool:
        """Whether nothing is frozen, or by stop_gradient: what PyTorch's are measured beside."""
        return self.case.method != "requires_grad"

    @property
    def contenders(self) -> list[str]:
        """Who was measured."""
        done = (record.case.contender for record in self.records if record.result is not None)
        return list(dict.fromkeys(done))

    def of(self, contender: str) -> list[Record]:
        """What was measured of one, by repeat."""
        found = [record for record in self.records if record.case.contender == contender]
        return [record for record in found if record.result is not None]

    def results(self, contender: str) -> list[Result]:
        """What came of that."""
        return [record.result for record in self.of(contender) if record.result is not None]

    def all_results(self) -> list[Result]:
        """The results of all contenders."""
        return [record.result for record in self.records if record.result is not None]

    def differences(self, one: str, other: str) -> list[float]:
        """Largest relative difference between the epochs' losses of two, for each repeat."""
        pairs = zip(self.results(one), self.results(other), strict=False)
        return [
            max(abs(a - b) / abs(a) for a, b in zip(x.losses, y.losses, strict=False))
            for x, y in pairs
        ]

    def values(self, contender: str, what: Measure) -> list[float]:
        """A number of each of them."""
        return [what(record) for record in self.of(contender)]

    def ratios(self, above: str, below: str, what: Measure) -> list[float]:
        """Ratios of such numbers, each taken within a repeat."""
        others = {record.repeat: what(record) for record in self.of(below)}
        found = ((record.repeat, what(record)) for record in self.of(above))
        return [value / others[repeat] for repeat, value in found if repeat in others]


def rows(records: Iterable[Record]) -> list[Row]:
    """Return the records by race."""
    found: dict[tuple[str, Task, int, str], list[Record]] = {}
    for record in records:
        case = record.case
        found.setdefault((record.part, case.task, case.frozen, case.method), []).append(record)
    return [Row(members) for members in found.values()]


def spread(values: Sequence[float], digits: int) -> str:
    """Return the median, with the least and the most if there are several; nothing for none."""
    if not values:
        return ""
    low, middle, high = (f"{f(values):,.{digits}f}" for f in (min, median, max))
    return middle if len(values) == 1 else f"{middle} ({low}..{high})"


def write(folder: Path, head: str, minutes: float, records: Sequence[Record]) -> None:
    """Write everything that `read` returns."""
    whole = {"head": head, "minutes": minutes, "records": [asdict(record) for record in records]}
    (folder / FILE).write_text(json.dumps(whole, indent=1))


def read(folder: Path) -> tuple[str, float, list[Record]]:
    """Return what the suite ran on, how many minutes, and what it measured."""
    whole = json.loads((folder / FILE).read_text())
    return whole["head"], whole["minutes"], [_record(fields) for fields in whole["records"]]


def _record(fields: dict[str, object]) -> Record:
    case, result = dict(fields["case"]), fields["result"]  # type: ignore[call-overload]
    case["task"] = Task(**case["task"])
    made = Result(**result) if result else None  # type: ignore[arg-type]
    return Record(**{**fields, "case": Case(**case), "result": made})  # type: ignore[arg-type]
