"""Plan figure: a plan as a picture of the model from input to head."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from trainer.core.plotting import FROZEN, PALE
from trainer.core.text import percent
from trainer.freezing.plan import ParameterPlan, Plan
from trainer.freezing.selection import layers

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree

_MOST_ROWS = 32  # more layers than that cannot be read; those of one block are put together
_MOST_PANELS = 6  # phases next to one another
_TRAINABLE = "#e08a3c"
_CUT = "#b03a2e"


@dataclass(frozen=True)
class Row:
    """One bar.

    Attributes:
        name: of a layer, or of the block that several belong to.
        values: numbers in its weights.
        trained: those of them that train.
        factors: of the learning rate, in its trainable weights.
        moving: whether running statistics in it move.
    """

    name: str
    values: int
    trained: int
    factors: tuple[float, ...]
    moving: bool


def rows(plan: Plan, layout: "ModuleTree") -> list[Row]:
    """Return the bars from input to head: one per layer or, if there are many, one per block."""
    order = layers(layout)
    deepest = max(name.count(".") for name in order) + 1
    levels = range(deepest, 0, -1)
    shortened = ([".".join(name.split(".")[:level]) for name in order] for level in levels)
    names = next((n for n in shortened if len(set(n)) <= _MOST_ROWS), None)
    of = dict(zip(order, names or [name.split(".")[0] for name in order], strict=True))
    held: dict[str, list[ParameterPlan]] = {name: [] for name in of.values()}
    statistics = {p.name for p in layout.parameters if p.statistic}
    cells = {p.name: p.cell for p in layout.parameters}
    for parameter in plan.parameters:  # a tied one stands where it is defined
        if (cell := cells[parameter.name]) in of:
            held[of[cell]].append(parameter)
    return [_row(name, parts, statistics) for name, parts in held.items() if parts]


def _row(name: str, held: Sequence[ParameterPlan], statistics: set[str]) -> Row:
    weights = [p for p in held if p.name not in statistics]
    trained = [p for p in weights if p.state == "trainable"]
    return Row(
        name=name,
        values=_size(weights),
        trained=_size(trained),
        factors=tuple(sorted({p.lr_factor or 0.0 for p in trained})),
        moving=any(p.state == "buffer" for p in held if p.name in statistics),
    )


def _size(parameters: Sequence[ParameterPlan]) -> int:
    return sum(math.prod(p.shape) for p in parameters)


def plan_figure(
    plans: Sequence[Plan], layout: "ModuleTree", name: str, phases: Sequence[str] = ()
) -> Figure:
    """Return the picture: one bar per layer, frozen parts hatched, a line at each gradient cut.

    Args:
        plans: one, or those of phases, which are shown side by side; the first ones if many.
        layout: the model's cells and parameters.
        name: of the model.
        phases: names of the phases; none: the run has one.
    """
    shown = plans[:_MOST_PANELS]
    panels = [rows(plan, layout) for plan in shown]
    size = (9 if len(shown) == 1 else 3 + 3.6 * len(shown), 1.5 + 0.25 * len(panels[0]))
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    all_axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, plan, bars in zip(all_axes, shown, panels, strict=True):
        _panel(axes, plan, bars, each_tick=1 if len(shown) == 1 else 3)
        axes.tick_params(labelleft=axes is all_axes[0])
        if phases:  # their names stand for all panels
            axes.tick_params(axis="y", labelcolor="black")
    if phases:
        for axes, bars, phase in zip(all_axes, panels, phases, strict=False):
            axes.set_title(f"{phase}: {_frozen(bars)}", fontsize=9, loc="left")
        more = f", {len(shown)} of {len(plans)} phases" if len(plans) > len(shown) else ""
        figure.suptitle(f"{name} from input (top) to head{more}", fontsize=10, x=0.01, ha="left")
    else:
        axes.set_title(_title(name, bars), fontsize=10, loc="left")
    _legend(figure, shown)
    return figure


def _panel(axes: Axes, plan: Plan, bars: Sequence[Row], each_tick: int) -> None:
    """Draw the bars of one plan, with a tick at every nth power of 10."""
    for at, row in enumerate(bars):
        _draw(axes, at, row)
    _mark_cuts(axes, plan, bars)
    most = max(math.log10(max(row.values, 1)) for row in bars)
    axes.set(xlim=(0, 1.32 * most), ylim=(len(bars) - 0.4, -0.6))
    axes.set_yticks(range(len(bars)), [row.name or "(the model)" for row in bars], fontsize=8)
    for label, row in zip(axes.get_yticklabels(), bars, strict=True):
        label.set_color("black" if row.trained else FROZEN)
    ticks = range(0, math.ceil(most) + 1, each_tick)
    axes.set_xticks(ticks, [f"{10**tick:,}" for tick in ticks], fontsize=8)
    axes.set_xlabel("values in the weights (logarithmic)", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _title(name: str, bars: Sequence[Row]) -> str:
    return f"{name} from input (top) to head: {_frozen(bars)}"


def _frozen(bars: Sequence[Row]) -> str:
    values = sum(row.values for row in bars)
    frozen = values - sum(row.trained for row in bars)
    return f"{frozen:,} of {values:,} values frozen"


def _draw(axes: Axes, at: int, row: Row) -> None:
    """Draw a bar: its trainable part, in proportion of values, to the left."""
    length = max(math.log10(max(row.values, 1)), 0.05)
    trained = length * row.trained / row.values if row.values else 0.0
    axes.barh(at, trained, 0.72, color=_TRAINABLE, linewidth=0)
    frozen_bar = axes.barh(at, length - trained, 0.72, trained, color=PALE, linewidth=0)
    frozen_bar[0].set(edgecolor=FROZEN, hatch="///")
    axes.text(length + 0.06, at, _note(row), va="center", fontsize=7, color="#444444")


def _note(row: Row) -> str:
    share = f"{percent(row.trained / row.values)} trains" if 0 < row.trained < row.values else ""
    factors = (
        ", ".join(f"{factor:.3g}" for factor in row.factors[:2]) if row.factors != (1.0,) else ""
    )
    more = ", ..." if len(row.factors) > 2 else ""
    parts = [f"{row.values:,}", share, factors and f"lr x {factors}{more}"]
    return "   ".join([*(p for p in parts if p), *(["statistics move"] if row.moving else [])])


def _mark_cuts(axes: Axes, plan: Plan, bars: Sequence[Row]) -> None:
    """Mark each cut behind its last bar: across where something behind it trains, else at the edge.

    A cut inside a bar is left out; so is one behind a cell that owns no weights.
    """
    for cut in plan.cuts:
        held = [at for at, row in enumerate(bars) if f"{row.name}.".startswith(f"{cut}.")]
        if held:
            ends = held[-1] + 1 == len(bars) or bars[held[-1] + 1].trained > 0
            right = 1.0 if ends else 0.02
            axes.axhline(held[-1] + 0.5, 0, right, color=_CUT, linewidth=1.6, clip_on=False)


def _legend(figure: Figure, plans: Sequence[Plan]) -> None:
    entries: list[Patch | Line2D] = [Patch(color=_TRAINABLE, label="trainable")]
    if any(plan.select("frozen") for plan in plans):
        entries.append(Patch(facecolor=PALE, edgecolor=FROZEN, hatch="///", label="frozen"))
    if any(plan.cuts for plan in plans):
        entries.append(Line2D([], [], color=_CUT, linewidth=1.6, label="the gradient is cut here"))
    figure.legend(handles=entries, loc="outside lower right", ncols=3, frameon=False, fontsize=8)
