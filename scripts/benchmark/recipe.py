"""What the parts of a recipe cost: the extra time per batch, next to PyTorch's for the same."""

from collections.abc import Sequence
from statistics import median

from scripts.benchmark.records import Record, Row, spread
from trainer.core.table import table

PART = "recipe"
ACCUMULATED = 2  # batches per optimizer step
CLIP, EMA_DECAY = 1.0, 0.999
_CLIP = ("gradient.clip=norm", f"gradient.clip_value={CLIP}")
_EMA = (f"ema.decay={EMA_DECAY}",)
_SCHEDULE = ("schedule=cosine",)
OVERRIDES = {  # of the trainer by contender; PyTorch's contenders have the same names with `eager_`
    "clip": _CLIP,
    "ema": _EMA,
    "schedule": _SCHEDULE,
    "accumulate": (f"gradient.accumulation_steps={ACCUMULATED}",),
    "recipe": (*_CLIP, *_EMA, *_SCHEDULE),
}
_TITLES = {
    "clip": "gradients clipped by norm",
    "ema": "averaged weights",
    "schedule": "cosine schedule",
    "accumulate": f"{ACCUMULATED} batches per step",
    "recipe": "clipping, averaging and schedule",
}
TITLES = {
    **{name: f"this trainer, {title}" for name, title in _TITLES.items()},
    **{f"eager_{name}": f"PyTorch eager, {title}" for name, title in _TITLES.items()},
}
CONTENDERS = " ".join(["trainer", *OVERRIDES, "eager", *(f"eager_{name}" for name in OVERRIDES)])
_LEAST = 15  # ms on ResNet-18 that the goal allows, even if PyTorch needs less
_HEAD = "model", "part of the recipe", "ours, extra ms", "step x", "PyTorch's, extra ms", "step x"


def text(rows: Sequence[Row]) -> str:
    """Return the table of a suite's rows; empty without results."""
    lines = [
        (str(row.case.task), title, *_cells(row, name, "trainer"), *_cells(row, rival, "eager"))
        for row in rows
        for name, title in _TITLES.items()
        if {name, rival := f"eager_{name}"} & set(row.contenders)
    ]
    return table([_HEAD, *lines], left=(0, 1)) if lines else ""


def _cells(row: Row, who: str, plain: str) -> tuple[str, str]:
    extra, ratios = added(row, who, plain), row.ratios(who, plain, batch_seconds)
    return spread(extra, 1), spread(ratios, 2)


def added(row: Row, who: str, plain: str) -> list[float]:
    """Return by how many ms a batch takes longer than in the plain step, within each repeat."""
    return [1000 * value for value in row.gaps(who, plain, batch_seconds)]


def batch_seconds(record: Record) -> float:
    """Return the seconds per batch, of which an optimizer step may accumulate several."""
    accumulates = record.case.contender.endswith("accumulate")
    return record.step / (ACCUMULATED if accumulates else 1)


def limit(row: Row) -> float | None:
    """Return how many ms the whole recipe may add; None: PyTorch was not measured."""
    theirs = added(row, "eager_recipe", "eager")
    return max(_LEAST, median(theirs)) if theirs else None
