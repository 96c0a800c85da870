"""The options of `scripts/bench`, and the races that they select."""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from scripts.benchmark import comparison, contenders, picture, results_file, whole_runs
from scripts.benchmark.case import EXTENTS, NETS
from scripts.benchmark.checkout import Checkout, checkout
from scripts.benchmark.contenders import BEFORE, TITLES
from scripts.benchmark.goals import GOALS
from scripts.benchmark.plan import METHODS, PARTS, QUICK, RACES, Race

_ABOUT = "Compare the speed of this trainer with MindSpore, PyTorch, Lightning and fastai."
_GOAL = "measure this goal alone, 10 times in turn if --repeats does not say otherwise"
_OUT = (
    f"folder for {results_file.FILE}, {picture.FILE} and {comparison.FILE}; "
    "what its records lack is measured, so the same command continues one that was interrupted"
)
_AGAINST = "checkout of this trainer to measure too, in the rows of the goals before-..."
_MINUTES = "no repeat starts after this time; default 28, with --quick 3"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options; `races` are those that they select.

    Exits with 2 if something is wrong with them.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.minutes is None:
        options.minutes = 3.0 if options.quick else 28.0
    options.races = [] if options.redraw else _races(options)
    names = dict.fromkeys(name for race in options.races for name in race.contenders)
    if without := contenders.need_pytorch(names):
        others = ",".join(name for name in names if name not in without) or "none"
        parser.error(
            f"expected PyTorch to measure {', '.join(without)}, but torch is not installed; "
            "scripts/bench installs it with the extra [bench] of this project; without it, "
            f"measure --contenders {others}"
        )
    if BEFORE in names and options.against is None:
        parser.error("expected --against FOLDER, which this goal compares with, received none")
    if not (options.races or options.redraw):
        parser.error("expected options that select a row, received some that select none")
    return options


def _parser() -> argparse.ArgumentParser:
    rows = {**{name: goal.about for name, goal in GOALS.items()}, whole_runs.NAME: whole_runs.ABOUT}
    epilog = "goals:\n" + "\n".join(f"  {name:18} {about}" for name, about in rows.items())
    parser = argparse.ArgumentParser(
        "scripts/bench",
        description=_ABOUT,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, known in (("parts", PARTS), ("nets", NETS), ("methods", METHODS)):
        values = list(known)
        parser.add_argument(
            f"--{name}", type=_subset(values), default=values, help=", ".join(values)
        )
    parser.add_argument("--frozen", type=_subset(EXTENTS), help=", ".join(EXTENTS))
    parser.add_argument("--contenders", type=_subset(TITLES), help=", ".join(TITLES))
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument("--goal", type=_subset(GOALS), metavar="NAME", help=_GOAL)
    alone.add_argument("--quick", action="store_true", help="measure the rows of the README")
    alone.add_argument("--redraw", type=Path, help="show the results in that folder only")
    parser.add_argument("--repeats", type=int, help="repeats of every row; default: as planned")
    parser.add_argument("--minutes", type=float, help=_MINUTES)
    parser.add_argument("--against", type=_checkout, metavar="FOLDER", help=_AGAINST)
    parser.add_argument("--out", type=Path, help=_OUT)
    return parser


def _races(options: argparse.Namespace) -> list[Race]:
    """Return the races that the options select, with the contenders that they select."""
    races = [selected for race in _candidates(options) if (selected := _selected(race, options))]
    return [replace(race, repeats=options.repeats or race.repeats) for race in races]


def _candidates(options: argparse.Namespace) -> list[Race]:
    if options.quick:
        return QUICK
    if options.goal:
        return [race for name in options.goal for race in GOALS[name].alone(name)]
    if options.against is None:
        return RACES
    compared = [*GOALS["before-resnet18"].races, *GOALS["before-others"].races]
    return [
        replace(race, contenders=(*race.contenders, BEFORE)) if race in compared else race
        for race in RACES
    ]


def _selected(race: Race, options: argparse.Namespace) -> Race | None:
    extent = race.cases()[0].extent
    if (
        (options.goal is None and race.part not in options.parts)
        or race.task.net not in options.nets
        or race.method not in ("", *options.methods)
        or extent not in (options.frozen or [extent])
    ):
        return None
    names = [name for name in race.contenders if name in (options.contenders or TITLES)]
    return replace(race, contenders=tuple(names)) if names else None


def _subset(known: Iterable[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        values = text.split(",")
        if unknown := [name for name in values if name not in known]:
            expected, received = ", ".join(known), ", ".join(unknown)
            raise argparse.ArgumentTypeError(f"expected some of {expected}, received {received}")
        return values

    return names


def _checkout(folder: str) -> Checkout:
    try:
        return checkout(folder)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
