"""The goals of the suite, each met or missed, and by how much."""

from collections.abc import Sequence
from operator import attrgetter
from statistics import median

from scripts.benchmark import recipe, records
from scripts.benchmark.plan import RACES
from scripts.benchmark.records import Record, Row, spread
from scripts.benchmark.report import of

MINUTES = 30
_NOISE = 1.03  # two identical runs differ by more
_HAND = "trainer", "hand", attrgetter("step")
_AUTO = "auto", "trainer", attrgetter("ten")
_MAX_WAIT = 3  # % of an epoch


def text(results: Sequence[Record], minutes: float) -> str:
    """Return one or more lines for each goal."""
    everything = records.rows(results)
    rows, head = of(everything, "nets"), of(everything, "head")
    duration = _verdict(minutes < MINUTES) if len(everything) == len(RACES) else "open  "
    lines = [
        _faster(
            head, "eager", 5, "10 epochs, head only, ResNet-18: store compared with PyTorch eager"
        ),
        _faster(
            head, "trainer", 8, "10 epochs, head only, ResNet-18: store compared with no store"
        ),
        *_within(
            "step, this trainer compared with a hand-written MindSpore loop", _ratios(rows, *_HAND)
        ),
        *_within("10 epochs, features=auto compared with off", _ratios([*head, *rows], *_AUTO)),
        _starts(rows=of(everything, "starts")),
        _ends(of(everything, "ends")),
        _recipe(of(everything, recipe.PART)),
        f"{duration}  the whole suite in {minutes:.1f} minutes, at most {MINUTES}",
    ]
    return "\n".join(["## Goals", "", *lines])


def _starts(rows: Sequence[Row]) -> str:
    what = "first step, compile cache filled compared with empty"
    ratios = [x for row in rows for x in row.ratios("cold", "warm", _first)]
    if not ratios:
        return f"open    {what}: not measured"
    return f"{_verdict(median(ratios) >= 3)}  {what}: {spread(ratios, 1)} times faster, at least 3"


def _ends(rows: Sequence[Row]) -> str:
    what = "wait at the end of an epoch for proof, snapshot and checkpoint"
    shares = [100 * x for row in rows for x in row.values("snapshots", attrgetter("end"))]
    if not shares:
        return f"open    {what}: not measured"
    met = max(shares) <= _MAX_WAIT
    return f"{_verdict(met)}  {what}: {spread(shares, 1)} % of the epoch, at most {_MAX_WAIT}"


def _recipe(rows: Sequence[Row]) -> str:
    what = "clipping, averaging and schedule together, added to a step of ResNet-18"
    result = recipe.goal(rows)
    if result is None:
        return f"open    {what}: not measured"
    met, figures = result
    return f"{_verdict(met)}  {what}: {figures}, what PyTorch adds or 15 ms"


def _first(record: Record) -> float:
    """Return the seconds of a first step, at least the resolution of a hundredth."""
    return max(record.result.first if record.result else 0.0, 0.01)


def _verdict(met: bool) -> str:
    return "met   " if met else "MISSED"


def _faster(rows: Sequence[Row], other: str, least: float, what: str) -> str:
    ratios = [x for row in rows for x in row.ratios(other, "store", attrgetter("ten"))]
    if not ratios:
        return f"open    {what}: not measured"
    met = median(ratios) >= least
    return f"{_verdict(met)}  {what}: {spread(ratios, 1)} times faster, at least {least:g}"


def _within(what: str, found: Sequence[tuple[str, list[float]]]) -> list[str]:
    """Return the line of a goal, and a line for each row that misses it."""
    if not found:
        return [f"open    {what}: not measured"]
    missed = [(name, ratios) for name, ratios in found if median(ratios) > _NOISE]
    line = f"{what}: {len(found) - len(missed)} of {len(found)} rows at most {_NOISE:g} times"
    return [
        f"{_verdict(not missed)}  {line}",
        *(f"        {name}: {spread(ratios, 2)}" for name, ratios in missed),
    ]


def _ratios(
    rows: Sequence[Row], above: str, below: str, what: records.Measure
) -> list[tuple[str, list[float]]]:
    pairs = [(str(row), row.ratios(above, below, what)) for row in rows]
    return [(name, ratios) for name, ratios in pairs if ratios]
