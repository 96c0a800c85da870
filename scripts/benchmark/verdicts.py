"""Verdicts: whether the row of a race meets a goal, and the figures that show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import median

from scripts.benchmark import loading, recipe
from scripts.benchmark.contenders import TITLES
from scripts.benchmark.records import Measure, Record, Row, estimate

CELLS = "row", "compared with", "this", "other", "ratio", "goal", "repeats"


@dataclass(frozen=True)
class Verdict:
    """A row against a goal.

    Attributes:
        met: whether it is met.
        cells: the figures, as `CELLS` names them.
    """

    met: bool
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Quantity:
    """What is measured.

    Attributes:
        measure: returns it in seconds.
        unit: the unit in which it is shown, `ms` or `s`.
    """

    measure: Measure
    unit: str

    def show(self, values: Sequence[float]) -> str:
        """Return the median of values."""
        factor = 1000 if self.unit == "ms" else 1
        return f"{factor * median(values):,.1f} {self.unit}"


def _first(record: Record) -> float:
    """Return the seconds of a first step, at least the resolution of a hundredth."""
    return max(record.result.first if record.result else 0.0, 0.01)


STEP = Quantity(attrgetter("step"), "ms")
TEN = Quantity(attrgetter("ten"), "s")
FIFTY = Quantity(lambda record: record.seconds(50), "s")
FIRST = Quantity(_first, "s")
EPOCH = Quantity(loading.epoch_seconds, "s")


def at_most(row: Row, limit: float, ours: str, other: str, what: Quantity) -> Verdict | None:
    """Judge our share of the time of another contender; None: they were not both measured."""
    ratios = row.ratios(ours, other, what.measure)
    if not ratios:
        return None
    cells = estimate(ratios, 2), f"at most {limit:g}", str(len(ratios))
    return Verdict(median(ratios) <= limit, (*_times(row, ours, other, what), *cells))


def faster(row: Row, limit: float, ours: str, other: str, what: Quantity) -> Verdict | None:
    """Judge how many times faster we are than another contender."""
    ratios = row.ratios(other, ours, what.measure)
    if not ratios:
        return None
    cells = estimate(ratios, 1), f"at least {limit:g} times faster", str(len(ratios))
    return Verdict(median(ratios) >= limit, (*_times(row, ours, other, what), *cells))


def waits(row: Row, limit: float, ours: str) -> Verdict | None:
    """Judge the wait at the end of an epoch, in percent of the epoch."""
    shares = [100 * value for value in row.values(ours, attrgetter("end"))]
    if not shares:
        return None
    results = row.results(ours)
    wait, epoch = ([result.end or 0.0 for result in results], [median(r.epochs) for r in results])
    times = f"{1000 * median(wait):,.1f} ms", f"{median(epoch):,.2f} s"
    cells = f"{estimate(shares, 1)} %", f"at most {limit:g} %", str(len(shares))
    return Verdict(median(shares) <= limit, (str(row), "the epoch", *times, *cells))


def adds(row: Row) -> Verdict | None:
    """Judge what clipping, averaging and a schedule add to a step."""
    limit, ours = recipe.limit(row), recipe.added(row, "recipe", "trainer")
    if limit is None or not ours:
        return None
    theirs = recipe.added(row, "eager_recipe", "eager")
    shown = f"{estimate(ours, 1)} ms", f"{estimate(theirs, 1)} ms"
    cells = *shown, "", f"at most {limit:.1f} ms", str(len(ours))
    return Verdict(median(ours) <= limit, (str(row), TITLES["eager"], *cells))


def _times(row: Row, ours: str, other: str, what: Quantity) -> tuple[str, ...]:
    times = (what.show(row.values(who, what.measure)) for who in (ours, other))
    return str(row), TITLES[other], *times
