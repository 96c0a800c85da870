"""Measures races, and writes every result at once, so that an interrupted call can be continued."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from scripts.benchmark import images, jpeg_files, other_load, process
from scripts.benchmark.case import Case, Task
from scripts.benchmark.checkout import Checkout
from scripts.benchmark.clock import Result
from scripts.benchmark.contenders import TITLES
from scripts.benchmark.plan import Race
from scripts.benchmark.records import Record
from scripts.benchmark.results_file import Results


def measure(
    races: Sequence[Race],
    results: Results,
    minutes: float,
    save: Callable[[], None],
    against: Checkout | None = None,
) -> None:
    """Add to the results what they lack: every race once, then repeats, until the time is over.

    Args:
        races: what to measure.
        results: what was measured before; changed.
        minutes: no repeat of a race starts after this time.
        save: called after each measurement and at the end.
        against: the other checkout, for the contender `before`.
    """
    start, before, lacking = time.monotonic(), results.minutes, _lacking(races, results)
    results.loads += [os.getloadavg()[0]] if lacking else []
    with tempfile.TemporaryDirectory() as name:
        _make_images(Path(name), {race.task for race, _ in lacking})
        for at, (race, repeat) in enumerate(lacking):
            if time.monotonic() - start >= 60 * minutes:
                _leave(lacking[at:], results)
                break
            results.discard(race, repeat)
            for record in _records(race, repeat, Path(name), against):
                results.records.append(record)
                results.minutes = before + (time.monotonic() - start) / 60
                save()
    save()


def _lacking(races: Sequence[Race], results: Results) -> list[tuple[Race, int]]:
    """Return the repeats that the results lack: first the first of each race."""
    repeats = range(max((race.repeats for race in races), default=0))
    planned = [(race, at) for at in repeats for race in races if at < race.repeats]
    lacking = [(race, at) for race, at in planned if results.lacks(race, at)]
    if len(lacking) < len(planned):
        complete = len(planned) - len(lacking)
        print(f"{complete} of {len(planned)} repeats were measured before", file=sys.stderr)
    return lacking


def _leave(left: Sequence[tuple[Race, int]], results: Results) -> None:
    """Record which races were not measured at all, and report how much is left."""
    for race, repeat in left:
        if repeat == 0:
            results.discard(race, repeat)
            cases = race.cases(repeat)
            results.records += [Record(race.part, 0, case, None, _TOO_LATE) for case in cases]
    print(f"the time is over; {len(left)} repeats are left for the next call", file=sys.stderr)


def _order(race: Race, repeat: int) -> list[Case]:
    """Return the cases of a race, in another order at each repeat."""
    cases = race.cases(repeat)
    shift = repeat % max(1, len(cases))
    return cases[shift:] + cases[:shift]


def _records(race: Race, repeat: int, folder: Path, against: Checkout | None) -> Iterator[Record]:
    for case in _order(race, repeat):
        with other_load.watched() as load:
            outcome = process.measure(case, folder, against)
        yield replace(_record(race, repeat, case, outcome), others=load.cores)


def _record(race: Race, repeat: int, case: Case, outcome: Result | str) -> Record:
    name = f"{case.task}, {case.extent} {case.method}, {TITLES[case.contender]}"
    if isinstance(outcome, str):
        record, text = Record(race.part, repeat, case, None, outcome), outcome
    else:
        record = Record(race.part, repeat, case, outcome)
        text = f"{1000 * outcome.step:.1f} ms per step, {outcome.wall:.0f} s in total"
    progress = f"{race.part} {repeat + 1}/{race.repeats}"
    print(f"{progress}: {name}: {text}", file=sys.stderr, flush=True)
    return record


def _make_images(folder: Path, tasks: Iterable[Task]) -> None:
    """Write the images of all tasks; Fashion-MNIST for LeNet-5 if it is installed, else noise."""
    largest: dict[Path, Task] = {}
    for task in sorted(tasks, key=lambda task: task.images):
        largest[jpeg_files.path(folder) if task.files else images.path(folder, task)] = task
    for path, task in largest.items():
        if task.files:
            jpeg_files.write(folder, task.images)
            continue
        if task.net == "lenet5":
            try:
                process.start(["scripts.benchmark.pipelines", str(path), str(task.images)])
                continue
            except subprocess.CalledProcessError as error:
                print(f"noise for {task}: {error.stderr.splitlines()[-1]}", file=sys.stderr)
        images.write_noise(folder, task)


_TOO_LATE = "no time was left"
