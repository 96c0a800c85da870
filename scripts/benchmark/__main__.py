"""`scripts/bench`: measure, print the tables and the goals, draw the picture."""

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
    """Measure what the command line asks for, or read what was measured, and show it."""
    options = _options()
    if options.redraw is not None:
        head, minutes, found = records.read(options.redraw)
    else:
        head, start = machine.describe(), time.monotonic()
        found = _measure(_chosen(options), options.minutes)
        minutes = (time.monotonic() - start) / 60
        head += f"; load at the end {os.getloadavg()[0]:.1f}"
    if folder := options.redraw or options.out:
        folder.mkdir(parents=True, exist_ok=True)
        records.write(folder, head, minutes, found)  # before anything can go wrong with the rest
        picture.draw(found, folder / picture.FILE)
    print(f"{head}\n\n{report.text(found)}\n\n{goals.text(found, minutes)}\n\n{legend.TEXT}")
    sys.exit(any(record.reason.startswith("failed") for record in found))


def _measure(races: Sequence[Race], minutes: float) -> list[Record]:
    """Measure every race once, then again those that are to be repeated, until the time is up."""
    found: list[Record] = []
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_images(folder, {race.task for race in races})
        for repeat in range(max((race.repeats for race in races), default=0)):
            for race in races:
                if repeat < race.repeats:
                    found += _cases(race, repeat, folder, time.monotonic() < end)
    return found


def _cases(race: Race, repeat: int, folder: Path, begin: bool) -> list[Record]:
    """Measure the contenders of a race, each repeat in another order."""
    cases = race.cases(repeat)
    shift = repeat % max(1, len(cases))
    found = []
    for case in cases[shift:] + cases[:shift]:
        outcome = process.measure(case, folder) if begin else "no time was left"
        if isinstance(outcome, str):
            found.append(Record(race.part, repeat, case, None, outcome))
            text = outcome
        else:
            found.append(Record(race.part, repeat, case, outcome))
            text = f"{1000 * outcome.step:.1f} ms a step, {outcome.wall:.0f} s in all"
        what = f"{case.task}, {case.extent} {case.method}, {TITLES[case.contender]}"
        print(
            f"{race.part} {repeat + 1}/{race.repeats}: {what}: {text}", file=sys.stderr, flush=True
        )
    return found


def _make_images(folder: Path, tasks: Iterable[Task]) -> None:
    """Write the images of all tasks; Fashion-MNIST for LeNet-5 where it is, else noise."""
    most: dict[Path, Task] = {}
    for task in sorted(tasks, key=lambda task: task.images):
        most[images.path(folder, task)] = task
    for path, task in most.items():
        if task.net == "lenet5":
            try:
                process.start(["scripts.benchmark.pipelines", str(path), str(task.images)])
                continue
            except subprocess.CalledProcessError as error:
                print(f"noise for {task}: {error.stderr.splitlines()[-1]}", file=sys.stderr)
        images.write_noise(folder, task)


def _chosen(options: argparse.Namespace) -> list[Race]:
    """Return the races that the options leave, with the contenders that they leave."""
    found = []
    for race in RACES:
        who = tuple(name for name in race.contenders if name in options.contenders)
        extents = options.frozen or [race.cases()[0].extent]
        wanted = race.part in options.parts and race.task.net in options.nets
        wanted = wanted and race.method in ("", *options.methods)
        if wanted and who and race.cases()[0].extent in extents:
            found.append(replace(race, contenders=who, repeats=options.repeats or race.repeats))
    return found


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
    parser.add_argument("--repeats", type=int, help="of every row; default: as planned")
    parser.add_argument("--minutes", type=float, default=28.0, help=_MINUTES)
    parser.add_argument("--quick", action="store_true", help="LeNet-5 once; about two minutes")
    parser.add_argument("--out", type=Path, help=f"folder for {records.FILE} and {picture.FILE}")
    parser.add_argument("--redraw", type=Path, help="measure nothing, show what is in that folder")
    options = parser.parse_args()
    if options.quick:
        options.parts, options.nets, options.contenders, options.repeats = _QUICK
    return options


def _subset(known: Iterable[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in known]:
            expected, received = ", ".join(known), ", ".join(unknown)
            raise argparse.ArgumentTypeError(f"expected some of {expected}, received {received}")
        return chosen

    return names


_QUICK = ["nets"], ["lenet5"], ["trainer", "hand", "eager", "store", "auto"], 1
_ABOUT = "Time this trainer against MindSpore by hand, PyTorch, Lightning and fastai."
_MINUTES = "no measurement is begun after these; default 28"

if __name__ == "__main__":
    main()
