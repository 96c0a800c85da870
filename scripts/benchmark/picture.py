"""Draws the results of the suite as one figure of several panels."""

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from scripts.benchmark import records
from scripts.benchmark.case import NETS
from scripts.benchmark.contenders import BEFORE, TITLES
from scripts.benchmark.plan import RESNET, RESNET_LONG
from scripts.benchmark.records import Measure, Record, Row
from scripts.benchmark.report import RIVALS, of, percent, shared
from trainer.core.plotting import save

FILE = "speed.png"
COLOURS = {
    "trainer": "#3b6ea5",
    "store": "#0f3d66",
    "auto": "#7ba3cc",
    "hand": "#9aa5ab",
    "native": "#c9ced1",
    "eager": "#d9822b",
    "compile": "#e9b27c",
    "lightning": "#8e6bb0",
    "fastai": "#5a9e6f",
    BEFORE: "#b04a5a",
}
_SIDE = ("trainer", "hand", "eager")


def draw(results: Sequence[Record], path: Path) -> None:
    """Draw all results."""
    rows = records.rows(results)
    figure = Figure(figsize=(11, 7), dpi=110, layout="constrained")
    panels = figure.subplots(2, 3)
    _ten(panels[0, 0], rows)
    _steps(panels[0, 1], rows)
    _memory(panels[0, 2], rows)
    _images(panels[1, 0], rows)
    _share(panels[1, 1], rows)
    _epochs(panels[1, 2], rows)
    for axes in panels.flat:
        if not axes.has_data():
            axes.remove()
            continue
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    shown = {who for row in rows for who in row.contenders}
    handles = [Patch(color=c, label=TITLES[who]) for who, c in COLOURS.items() if who in shown]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    save(figure, path)


def _ten(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw ten epochs of the head of ResNet-18, scaled where fewer images were measured."""
    times: dict[str, float] = {}
    for row in [row for part in ("head", "nets", "others") for row in of(rows, part)]:
        share = RESNET_LONG.images / row.case.task.images
        is_head = row.case.task in (RESNET, RESNET_LONG) and row.case.only_head
        for who in row.contenders if is_head else ():
            times.setdefault(who, share * _median(row, who, attrgetter("ten")))
    if not times:
        return
    order = sorted(times, key=lambda who: -times[who])
    axes.barh(order, [times[who] for who in order], color=[COLOURS[who] for who in order])
    axes.set_xscale("log")
    axes.margins(x=0.2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.tick_params(axis="x", which="minor", labelbottom=False)
    for at, who in enumerate(order):
        axes.annotate(f" {times[who]:.1f}", (times[who], at), va="center", fontsize=8)
    axes.set_title(f"{RESNET_LONG}, head only: s for 10 epochs", fontsize=9)


def _steps(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw the time of a step relative to the hand-written loop; more is frozen to the right."""
    compared = [row for row in of(rows, "nets") if row.cuts and "hand" in row.contenders]
    tasks = list(dict.fromkeys(row.case.task for row in compared))
    for who in _SIDE:
        places, ratios = [], []
        for row in compared:
            if values := row.ratios(who, "hand", attrgetter("step")):
                share = row.case.frozen / len(row.case.net.parts)
                places.append(tasks.index(row.case.task) + 0.5 * share - 0.25)
                ratios.append(median(values))
        axes.plot(places, ratios, "o", color=COLOURS[who], ms=5)
    names = [f"{NETS[task.net].title}\n{task.size}x{task.size}" for task in tasks]
    axes.set_xticks(range(len(names)), names, rotation=30)
    axes.set_ylim(bottom=0)
    axes.set_title(
        "step time relative to the hand-written loop; more frozen to the right", fontsize=9
    )


def _memory(axes: Axes, rows: Sequence[Row]) -> None:
    resnet = [row for row in of(rows, "nets") if row.case.task == RESNET and row.cuts]
    for at, who in enumerate(_SIDE):
        peaks = [max((r.memory or 0 for r in row.results(who)), default=0) for row in resnet]
        places = [x + (at - 1) * 0.27 for x in range(len(resnet))]
        axes.bar(places, peaks, 0.25, color=COLOURS[who])
    axes.set_xticks(range(len(resnet)), [row.case.extent for row in resnet])
    axes.set_title("ResNet-18: peak MB, by what is frozen", fontsize=9)


def _images(axes: Axes, rows: Sequence[Row]) -> None:
    if not (by_images := of(rows, "images")):
        return
    for who in RIVALS:
        measured = [row for row in by_images if who in row.contenders]
        counts = [row.case.task.images for row in measured]
        _line(axes, who, counts, [_median(row, who, attrgetter("ten")) for row in measured])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title("LeNet-5, head only: s for 10 epochs, by images", fontsize=9)


def _share(axes: Axes, rows: Sequence[Row]) -> None:
    by_parts = shared(rows)
    for who in RIVALS:
        measured = [(at, row) for at, row in enumerate(by_parts.values()) if who in row.contenders]
        steps = [1000 * _median(row, who, attrgetter("step")) for _, row in measured]
        _line(axes, who, [at for at, _ in measured], steps)
    axes.set_xticks(range(len(by_parts)), [percent(parts) for parts in by_parts])
    axes.set_ylim(bottom=0)
    axes.set_title(f"{RESNET}: ms per step, by frozen share", fontsize=9)


def _epochs(axes: Axes, rows: Sequence[Row]) -> None:
    for row in of(rows, "epochs"):
        marks = range(1, row.case.epochs + 1)
        for who in row.contenders:
            _line(axes, who, marks, [row.of(who)[0].seconds(mark) for mark in marks], "")
    axes.set_title("ResNet-18 at 64x64, head only: s, by epochs", fontsize=9)


def _line(
    axes: Axes, who: str, across: Sequence[float], up: Sequence[float], marker: str = "o"
) -> None:
    axes.plot(across, up, marker=marker, ms=4, color=COLOURS[who])


def _median(row: Row, who: str, what: Measure) -> float:
    return median(row.values(who, what))
