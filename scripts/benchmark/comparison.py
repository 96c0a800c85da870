"""Draws the time of a step of every contender relative to PyTorch's, with the goals."""

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.benchmark import records
from scripts.benchmark.case import Task
from scripts.benchmark.contenders import TITLES
from scripts.benchmark.goals import GOALS, is_alone
from scripts.benchmark.picture import COLOURS
from scripts.benchmark.plan import RACES
from scripts.benchmark.records import Record, Row
from trainer.core.plotting import save

FILE = "comparison.png"
_SHOWN = ("trainer", "hand", "before", "compile", "lightning", "fastai")
_SHIFTS = {who: 0.12 * (at - 1) for at, who in enumerate(_SHOWN)}  # so that they do not overlap
_LARGEST = 3.0  # times PyTorch's; what is slower is written at the edge
Key = tuple[Task, int]


def draw(results: Sequence[Record], path: Path) -> None:
    """Draw all rows in which PyTorch was measured; nothing without such a row."""
    ratios = _ratios(records.rows(results))
    if not ratios:
        return
    figure = Figure(figsize=(9, 1.4 + 0.42 * len(ratios)), dpi=110, layout="constrained")
    axes = figure.subplots()
    shown = [who for who in _SHOWN if any(who in values for values in ratios.values())]
    for who in shown:
        _points(axes, who, [values.get(who, []) for values in ratios.values()])
    for at, (task, frozen) in enumerate(ratios):
        if limit := _limits().get((task, frozen)):
            axes.plot([limit, limit], [at - 0.4, at + 0.4], color="#2e7d32", lw=2, zorder=1)
    axes.axvline(1, color=COLOURS["eager"], lw=1.5, label=TITLES["eager"], zorder=0)
    axes.plot([], [], color="#2e7d32", lw=2, label="goal of this trainer")
    _label(axes, list(ratios))
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    save(figure, path)


def _points(axes: Axes, who: str, columns: Sequence[Sequence[float]]) -> None:
    """Draw the medians of a contender, with their intervals."""
    colour, above, size = COLOURS[who], 2, 5
    if who == "trainer":
        above, size = 3, 7
    label: str | None = TITLES[who]
    for at, values in enumerate(columns):
        if not values:
            continue
        height, middle, (low, high) = at + _SHIFTS[who], median(values), records.interval(values)
        if middle > _LARGEST:
            axes.annotate(f"{middle:.1f}", (_LARGEST, height), fontsize=7, color=colour)
            continue
        axes.plot([low, min(high, _LARGEST)], [height] * 2, lw=1.2, color=colour, zorder=above)
        axes.plot([middle], [height], "o", ms=size, label=label, color=colour, zorder=above)
        label = None


def _label(axes: Axes, keys: Sequence[Key]) -> None:
    extents = {(race.task, race.frozen): race.cases()[0].extent for race in RACES}
    names = [f"{task}, frozen: {extents[task, frozen]}" for task, frozen in keys]
    axes.set_yticks(range(len(keys)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, _LARGEST)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("time per step, PyTorch eager = 1; less is faster", fontsize=9)


def _ratios(rows: Sequence[Row]) -> dict[Key, dict[str, list[float]]]:
    """Return the ratios to PyTorch of each contender, by task and frozen parts.

    Where a row was measured in several parts, that of a goal alone counts, then the first.
    """
    ratios: dict[Key, dict[str, list[float]]] = {}
    for row in sorted(rows, key=lambda row: not is_alone(row)):
        for who in _SHOWN if row.part in ("nets", "others") or is_alone(row) else ():
            if values := row.ratios(who, "eager", attrgetter("step")):
                ratios.setdefault((row.case.task, row.case.frozen), {}).setdefault(who, values)
    order = {(race.task, race.frozen): at for at, race in reversed(list(enumerate(RACES)))}
    return dict(sorted(ratios.items(), key=lambda item: order[item[0]]))


def _limits() -> dict[Key, float]:
    """Return the goals against PyTorch, by task and frozen parts."""
    return {
        (race.task, race.frozen): goal.limit
        for goal in GOALS.values()
        if goal.contenders == ("trainer", "eager")
        for race in goal.races
        if goal.limit is not None
    }
