"""`scripts/bench`: measures, prints the tables and the goals, and draws the figure."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from scripts.benchmark import goals, images, legend, machine, picture, process, records, report
from scripts.benchmark.case import EXTENTS, NETS, Task
from scripts.benchmark.contenders import TITLES
from scripts.benchmark.plan import METHODS, PARTS, RACES, Race
from scripts.benchmark.records import Record


def main() -> None:
    """Measure what the command line requests, or read earlier results, and show them."""
    options = _options()
    if options.redraw is not None:
        head, minutes, results = records.read(options.redraw)
    else:
        head, start = machine.describe(), time.monotonic()
        results = _measure(_selected(options), options.minutes)
        minutes = (time.monotonic() - start) / 60
        head += f"; load at the end {os.getloadavg()[0]:.1f}"
    if folder := options.redraw or options.out:
        folder.mkdir(parents=True, exist_ok=True)
        records.write(folder, head, minutes, results)  # first, in case that drawing fails
        picture.draw(results, folder / picture.FILE)
    print(f"{head}\n\n{report.text(results)}\n\n{goals.text(results, minutes)}\n\n{legend.TEXT}")
    sys.exit(any(record.reason.startswith("failed") for record in results))


def _measure(races: Sequence[Race], minutes: float) -> list[Record]:
    """Measure every race once, then repeat races as planned, until the time is over."""
    results: list[Record] = []
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_images(folder, {race.task for race in races})
        for repeat in range(max((race.repeats for race in races), default=0)):
            for race in races:
                if repeat < race.repeats:
                    results += _cases(race, repeat, folder, time.monotonic() < end)
    return results


def _cases(race: Race, repeat: int, folder: Path, begin: bool) -> list[Record]:
    """Measure the contenders of a race, in another order at each repeat."""
    cases = race.cases(repeat)
    shift = repeat % max(1, len(cases))
    results = []
    for case in cases[shift:] + cases[:shift]:
        outcome = process.measure(case, folder) if begin else "no time was left"
        if isinstance(outcome, str):
            results.append(Record(race.part, repeat, case, None, outcome))
            text = outcome
        else:
            results.append(Record(race.part, repeat, case, outcome))
            text = f"{1000 * outcome.step:.1f} ms per step, {outcome.wall:.0f} s in total"
        name = f"{case.task}, {case.extent} {case.method}, {TITLES[case.contender]}"
        progress = f"{race.part} {repeat + 1}/{race.repeats}"
        print(f"{progress}: {name}: {text}", file=sys.stderr, flush=True)
    return results


def _make_images(folder: Path, tasks: Iterable[Task]) -> None:
    """Write the images of all tasks; Fashion-MNIST for LeNet-5 if it is installed, else noise."""
    largest: dict[Path, Task] = {}
    for task in sorted(tasks, key=lambda task: task.images):
        largest[images.path(folder, task)] = task
    for path, task in largest.items():
        if task.net == "lenet5":
            try:
                process.start(["scripts.benchmark.pipelines", str(path), str(task.images)])
                continue
            except subprocess.CalledProcessError as error:
                print(f"noise for {task}: {error.stderr.splitlines()[-1]}", file=sys.stderr)
        images.write_noise(folder, task)


def _selected(options: argparse.Namespace) -> list[Race]:
    """Return the races that the options select, with the contenders that they select."""
    races = []
    for race in RACES:
        contenders = tuple(name for name in race.contenders if name in options.contenders)
        extents = options.frozen or [race.cases()[0].extent]
        selected = race.part in options.parts and race.task.net in options.nets
        selected = selected and race.method in ("", *options.methods)
        if selected and contenders and race.cases()[0].extent in extents:
            repeats = options.repeats or race.repeats
            races.append(replace(race, contenders=contenders, repeats=repeats))
    return races


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/bench", description=_ABOUT)
    parser.add_argument("--parts", type=_subset(PARTS), default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--nets", type=_subset(NETS), default=list(NETS), help=", ".join(NETS))
    parser.add_argument("--frozen", type=_subset(EXTENTS), help=", ".join(EXTENTS))
    parser.add_argument(
        "--methods", type=_subset(METHODS), default=list(METHODS), help=", ".join(METHODS)
    )
    parser.add_argument(
        "--contenders", type=_subset(TITLES), default=list(TITLES), help=", ".join(TITLES)
    )
    parser.add_argument("--repeats", type=int, help="repeats of every row; default: as planned")
    parser.add_argument("--minutes", type=float, default=28.0, help=_MINUTES)
    parser.add_argument(
        "--quick", action="store_true", help="measure LeNet-5 once; about two minutes"
    )
    parser.add_argument("--out", type=Path, help=f"folder for {records.FILE} and {picture.FILE}")
    parser.add_argument(
        "--redraw", type=Path, help="show the results in that folder, measure nothing"
    )
    options = parser.parse_args()
    if options.quick:
        options.parts, options.nets, options.contenders, options.repeats = _QUICK
    return options


def _subset(known: Iterable[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        values = text.split(",")
        if unknown := [name for name in values if name not in known]:
            expected, received = ", ".join(known), ", ".join(unknown)
            raise argparse.ArgumentTypeError(f"expected some of {expected}, received {received}")
        return values

    return names


_QUICK = ["nets"], ["lenet5"], ["trainer", "hand", "eager", "store", "auto"], 1
_ABOUT = "Compare the speed of this trainer with MindSpore, PyTorch, Lightning and fastai."
_MINUTES = "no measurement starts after this time; default 28"

if __name__ == "__main__":
    main()
