"""The records of the suite, and their ratios."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

from scripts.benchmark.case import Case, Task
from scripts.benchmark.clock import Result

Measure = Callable[["Record"], float]


@dataclass(frozen=True)
class Record:
    """A case and its result.

    Attributes:
        part: part of the suite.
        repeat: number of the repeat, from 0.
        case: the case.
        result: its result; None: it was not measured.
        reason: why it was not measured.
        others: cores that other processes used during the measurement; None: unknown.
    """

    part: str
    repeat: int
    case: Case
    result: Result | None
    reason: str = ""
    others: float | None = None

    @property
    def step(self) -> float:
        """Seconds per step."""
        assert self.result is not None
        return self.result.step

    def seconds(self, epochs: int) -> float:
        """Seconds for a number of epochs, scaled to all images of the task if fewer were used."""
        assert self.result is not None
        return self.result.seconds(epochs) * self.case.task.images / self.case.images

    @property
    def end(self) -> float:
        """The wait at the end of an epoch, as a share of the epoch."""
        assert self.result is not None and self.result.end is not None
        return self.result.end / median(self.result.epochs)

    @property
    def ten(self) -> float:
        """Seconds for ten epochs."""
        return self.seconds(10)


@dataclass(frozen=True)
class Row:
    """The records of a race.

    Attributes:
        records: those of all contenders and repeats.
    """

    records: Sequence[Record]

    def __str__(self) -> str:
        if not self.case.net.parts:
            return str(self.case.task)
        method = f", {self.case.method}" if self.case.method else ""
        return f"{self.case.task}, frozen: {self.case.extent}{method}"

    @property
    def case(self) -> Case:
        """A case of the race."""
        return self.records[0].case

    @property
    def part(self) -> str:
        """The part of the suite."""
        return self.records[0].part

    @property
    def key(self) -> tuple[str, Task, int, str]:
        """Part, task, frozen parts and method, as a race has them."""
        return self.part, self.case.task, self.case.frozen, self.case.method

    @property
    def cuts(self) -> bool:
        """Whether nothing is frozen, or by stop_gradient: the rows that PyTorch is compared in."""
        return self.case.method != "requires_grad"

    @property
    def contenders(self) -> list[str]:
        """The contenders that were measured."""
        names = (record.case.contender for record in self.records if record.result is not None)
        return list(dict.fromkeys(names))

    def of(self, contender: str) -> list[Record]:
        """The measured records of a contender, by repeat."""
        own = (record for record in self.records if record.case.contender == contender)
        return [record for record in own if record.result is not None]

    def results(self, contender: str) -> list[Result]:
        """The results of a contender, by repeat."""
        return [record.result for record in self.of(contender) if record.result is not None]

    def all_results(self) -> list[Result]:
        """The results of all contenders."""
        return [record.result for record in self.records if record.result is not None]

    def differences(self, one: str, other: str) -> list[float]:
        """Largest relative difference between the losses of two contenders, for each repeat."""
        pairs = zip(self.results(one), self.results(other), strict=False)
        return [
            max(abs(a - b) / abs(a) for a, b in zip(x.losses, y.losses, strict=False))
            for x, y in pairs
        ]

    def values(self, contender: str, measure: Measure) -> list[float]:
        """A value of each record of a contender."""
        return [measure(record) for record in self.of(contender)]

    def ratios(self, above: str, below: str, measure: Measure) -> list[float]:
        """Ratios of the values of two contenders, each within a repeat."""
        return [one / other for one, other in self._pairs(above, below, measure)]

    def gaps(self, above: str, below: str, measure: Measure) -> list[float]:
        """Differences of the values of two contenders, each within a repeat."""
        return [one - other for one, other in self._pairs(above, below, measure)]

    def _pairs(self, one: str, other: str, measure: Measure) -> list[tuple[float, float]]:
        others = {record.repeat: measure(record) for record in self.of(other)}
        values = ((record.repeat, measure(record)) for record in self.of(one))
        return [(value, others[repeat]) for repeat, value in values if repeat in others]


def rows(records: Iterable[Record]) -> list[Row]:
    """Return the records by race."""
    by_race: dict[tuple[str, Task, int, str], list[Record]] = {}
    for record in records:
        case = record.case
        by_race.setdefault((record.part, case.task, case.frozen, case.method), []).append(record)
    return [Row(members) for members in by_race.values()]


def spread(values: Sequence[float], digits: int) -> str:
    """Return the median, with minimum and maximum if there are several; empty for no values."""
    if not values:
        return ""
    low, middle, high = (f"{f(values):,.{digits}f}" for f in (min, median, max))
    return middle if len(values) == 1 else f"{middle} ({low}..{high})"


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return a 95 % confidence interval of the median: two of the values, in order of size.

    It assumes no distribution. Fewer than 6 values have none: least and most are returned.
    """
    ordered = sorted(values)
    outside, at = 0.0, 0  # the probability that the median is below the value `at`
    while at < len(ordered) // 2:
        outside += comb(len(ordered), at) / 2 ** len(ordered)
        if outside > 0.025:
            break
        at += 1
    at = max(at - 1, 0)
    return ordered[at], ordered[-1 - at]


def estimate(values: Sequence[float], digits: int) -> str:
    """Return the median with its interval; the median alone if there is one value."""
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
    low, high = interval(values)
    return f"{median(values):,.{digits}f} ({low:,.{digits}f}..{high:,.{digits}f})"
