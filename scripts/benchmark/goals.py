"""The goals of the suite, each met or missed, and by how much."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from scripts.benchmark import from_files, loading, modes, recipe, records, verdicts
from scripts.benchmark.contenders import BEFORE, TITLES
from scripts.benchmark.plan import (
    LENET,
    MANY,
    MOBILE,
    RACES,
    RESNET,
    RESNET_LARGE,
    Race,
    find,
)
from scripts.benchmark.records import Record, Row
from scripts.benchmark.verdicts import CELLS, EPOCH, FIFTY, FIRST, STEP, TEN, Verdict
from trainer.core.table import table

MINUTES = 30
_HEAD = "head stop_gradient"
_DEMANDS = {
    verdicts.at_most: "at most {:g} times the time of",
    verdicts.faster: "at least {:g} times faster than",
}
_NAME = "goal "  # prefix of the part of a goal that was measured alone


@dataclass(frozen=True)
class Goal:
    """A goal.

    Attributes:
        about: what it demands.
        races: the races of the suite that show whether it is met.
        contenders: those that it compares.
        judge: returns the verdict of a row; None: it was not measured.
        limit: what the ratio of the contenders may be; None: the goal is no ratio.
    """

    about: str
    races: Sequence[Race]
    contenders: tuple[str, ...]
    judge: Callable[[Row], Verdict | None]
    limit: float | None = None

    def alone(self, name: str) -> list[Race]:
        """Return the races that measure this goal alone, many times in turn."""
        return [
            replace(race, part=_NAME + name, contenders=self.contenders, repeats=MANY)
            for race in self.races
        ]


def _ratio(
    about: str,
    races: Sequence[Race],
    pair: str,
    limit: float,
    what: verdicts.Quantity = STEP,
    judge: Callable[..., Verdict | None] = verdicts.at_most,
) -> Goal:
    ours, other = pair.split()
    about += f", {_DEMANDS[judge].format(limit)} {TITLES[other]}"
    judge = partial(judge, limit=limit, ours=ours, other=other, what=what)
    return Goal(about, races, (ours, other), judge, limit)


def _against_pytorch(about: str, races: Sequence[Race], limit: float) -> Goal:
    return _ratio(f"a step of {about}", races, "trainer eager", limit)


def _faster(
    about: str, races: Sequence[Race], pair: str, limit: float, what: verdicts.Quantity
) -> Goal:
    return _ratio(about, races, pair, limit, what, verdicts.faster)


_SMALL = [*find("nets", RESNET, "nothing"), *find("nets", RESNET, _HEAD)]
_LARGE = [*find("nets", RESNET_LARGE, "nothing"), *find("nets", RESNET_LARGE, _HEAD)]
_OTHERS = [*_LARGE, *find("nets", MOBILE, "nothing"), *find("nets", LENET, "nothing")]
_BEFORE = f"trainer {BEFORE}"
_FILES = find(loading.PART)
_AUTO = [*find("head", contender="auto"), *find("nets", contender="auto")]

GOALS = {
    "resnet18": _against_pytorch("ResNet-18 at 64x64, everything trains", _SMALL[:1], 0.95),
    "resnet18-head": _against_pytorch("ResNet-18 at 64x64, the head trains", _SMALL[1:], 0.80),
    "resnet18-224": _against_pytorch("ResNet-18 at 224x224, everything trains", _LARGE[:1], 0.90),
    "resnet18-224-head": _against_pytorch("ResNet-18 at 224x224, the head trains", _LARGE[1:], 0.9),
    "mobilenet": _against_pytorch(
        "MobileNetV2, everything trains", find("nets", MOBILE, "nothing"), 0.90
    ),
    "lenet5": _against_pytorch("LeNet-5, everything trains", find("nets", LENET, "nothing"), 0.90),
    "before-resnet18": _faster("a step of ResNet-18 at 64x64", _SMALL, _BEFORE, 2.1, STEP),
    "before-others": _faster("a step of the other models", _OTHERS, _BEFORE, 1.7, STEP),
    "hand": _ratio("a step", find("nets", contender="hand"), "trainer hand", 1.05),
    "modes": _ratio("a step in PyNative", find(modes.PART), "pynative trainer", 1.1),
    "store-10": _faster("10 epochs of the head of ResNet-18", find("head"), "store eager", 8, TEN),
    "store-50": _faster(
        "50 epochs of the head of ResNet-18", find("head"), "store eager", 15, FIFTY
    ),
    "store-off": _faster(
        "10 epochs of the head of ResNet-18", find("head"), "store trainer", 8, TEN
    ),
    "auto": _ratio("10 epochs with features=auto", _AUTO, "auto trainer", 1.03, TEN),
    "compile-cache": _faster(
        "the first step, compile cache filled", find("starts"), "warm cold", 3, FIRST
    ),
    "images-training": _ratio(
        "an epoch from JPEG files", find(from_files.PART), from_files.CONTENDERS, 0.9, EPOCH
    ),
    "images-torchvision": _faster("loading JPEG files", _FILES, "loader torchvision", 2, EPOCH),
    "images-mindspore": _faster("loading JPEG files", _FILES, "loader mindspore_dataset", 1, EPOCH),
    "epoch-end": Goal(
        "the wait at the end of an epoch for proof, snapshot and checkpoint",
        *(find("ends"), ("snapshots",), partial(verdicts.waits, limit=3, ours="snapshots")),
    ),
    "recipe": Goal(
        "what clipping, averaging and schedule add to a step: at most what PyTorch adds, or 15 ms",
        *(find(recipe.PART, RESNET), ("trainer", "recipe", "eager", "eager_recipe")),
        verdicts.adds,
    ),
}


def text(results: Sequence[Record], minutes: float) -> str:
    """Return a table with a line for each row of each goal, and what the goals demand."""
    rows = records.rows(results)
    lines = [line for name in GOALS for line in _lines(name, rows)]
    if len([row for row in rows if not is_alone(row)]) == len(RACES):
        duration = "", "", f"{minutes:.1f} min", "", "", f"at most {MINUTES} min", "1"
        lines.append((_word(minutes <= MINUTES), "duration", *duration))
    if not lines:
        return "## Goals\n\nNone was measured."
    counts = ", ".join(f"{_count(lines, word)} {word}" for word in ("met", "MISSED"))
    unmeasured = [name for name in GOALS if name not in {line[1] for line in lines}]
    rest = f"\nNot measured: {', '.join(unmeasured)}" if unmeasured else ""
    head = ("", "goal", *CELLS)
    return f"## Goals\n\n{table([head, *lines], left=(0, 1, 2, 3))}\n\nRows: {counts}{rest}"


def _lines(name: str, rows: Sequence[Row]) -> list[tuple[str, ...]]:
    judged = [GOALS[name].judge(row) for row in rows_of(name, rows)]
    return [(_word(each.met), name, *each.cells) for each in judged if each is not None]


def rows_of(name: str, rows: Sequence[Row]) -> list[Row]:
    """Return the rows that show a goal: those measured for it alone, else those of the suite."""
    if measured_alone := [row for row in rows if row.part == _NAME + name]:
        return measured_alone
    keys = [(race.part, race.task, race.frozen, race.method) for race in GOALS[name].races]
    return [row for row in rows if row.key in keys]


def is_alone(row: Row) -> bool:
    """Whether a row was measured for one goal alone."""
    return row.part.startswith(_NAME)


def _word(met: bool) -> str:
    return "met" if met else "MISSED"


def _count(lines: Sequence[tuple[str, ...]], word: str) -> int:
    return sum(line[0] == word for line in lines)
