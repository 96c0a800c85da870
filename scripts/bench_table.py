"""The table of step times that `scripts/bench` prints; each is measured in a process of its own.

The variants take turns, and their ratios are taken between neighbours in time, so that what else
the machine does hits all of them alike.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from scripts.bench_task import NETS, TRAINER, Task
from trainer.table import table

ROOT = Path(__file__).resolve().parent.parent
NATIVE, SET = "native", "set"
VARIANTS = {
    NATIVE: "a: by hand, MindSpore as it comes",
    SET: "b: by hand, with the CPU settings",
    TRAINER: "c: this trainer",
}
ROWS = {
    "nothing": ("nothing", ""),
    "conv1-cut": ("conv1", "stop_gradient"),
    "conv1-flag": ("conv1", "requires_grad"),
    "head-cut": ("head", "stop_gradient"),
    "head-flag": ("head", "requires_grad"),
}
REPEATS = {"lenet5": 3, "resnet18": 2}
HEAD = ("frozen", "method", "a ms", "b ms", "c ms", "a/c", "c/b", "c's threads", "b, c: losses")
_SLOW = 0.2  # seconds a step, from which on the trainer's trial of 36 steps is made only once
_ISA = "ONEDNN_MAX_CPU_ISA"
_EQUAL = 1e-5


@dataclass
class Run:
    """What one process measured: seconds of each timed step, the losses of all steps."""

    times: list[float]
    losses: list[float]
    threads: str

    @property
    def step(self) -> float:
        """Seconds a step."""
        return median(self.times)


@dataclass
class Row:
    """All measurements of one row: for each variant, a run a repeat; None where it was left out."""

    runs: dict[str, list[Run | None]] = field(default_factory=lambda: {v: [] for v in VARIANTS})

    def done(self, variant: str) -> list[Run]:
        """The runs that were made."""
        return [run for run in self.runs[variant] if run is not None]

    def ratio(self, above: str, below: str) -> list[float]:
        """Ratios of step times, one a repeat."""
        pairs = zip(self.runs[above], self.runs[below], strict=True)
        return [x.step / y.step for x, y in pairs if x is not None and y is not None]

    def differences(self) -> list[float]:
        """Largest relative difference between the losses of b and c in each repeat."""
        pairs = zip(self.done(SET), self.done(TRAINER), strict=True)
        return [
            max(abs(x - y) / abs(x) for x, y in zip(b.losses, c.losses, strict=False))
            for b, c in pairs
        ]


def main() -> None:
    """Measure what the command line asks for, and print it."""
    options = _options()
    print(machine(), flush=True)
    start = time.monotonic()
    for net in options.nets:
        if net == "resnet18" and find_spec("mindcv") is None:
            print(f"\n{net}: left out, for MindCV is not installed (pip install mindcv)")
            continue
        repeats = options.repeats or REPEATS[net]
        rows = measure(net, repeats, options)
        print(f"\n{_title(net, rows, repeats)}\n{show(rows)}", flush=True)
    minutes = (time.monotonic() - start) / 60
    print(f"\n{_LEGEND}\n{minutes:.1f} minutes, load at the end {os.getloadavg()[0]:.1f}")


def measure(net: str, repeats: int, options: argparse.Namespace) -> dict[str, Row]:
    """Return a net's rows by name."""
    rows = {name: Row() for name in options.rows}
    threads = "auto"
    for repeat in range(repeats):
        for name, row in rows.items():
            for variant in _turn(repeat):
                limits = options.steps, options.seconds
                task = Task(net, *ROWS[name], variant, *limits, threads, options.by_hand)
                run = None if _too_slow(row, variant, options.seconds) else _run(task)
                row.runs[variant].append(run)
                _progress(f"{net} {name} {repeat + 1}/{repeats} {variant}", run)
                if run is not None and variant == TRAINER and run.step > _SLOW:
                    threads = run.threads
    return rows


def _turn(repeat: int) -> Iterator[str]:
    """The variants in an order that changes with the repeat."""
    order = list(VARIANTS)
    shift = repeat % len(order)
    yield from order[shift:] + order[:shift]


def _too_slow(row: Row, variant: str, seconds: float) -> bool:
    return variant == NATIVE and any(run.step > seconds for run in row.done(variant))


def _run(task: Task) -> Run:
    """Measure in a new process, whose environment is set before it imports MindSpore."""
    environment = {key: value for key, value in os.environ.items() if key != _ISA}
    if task.variant == SET:
        environment[_ISA] = "AVX2"
    command = [sys.executable, "-m", "scripts.bench_work", json.dumps(asdict(task))]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"failed: {' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _progress(what: str, run: Run | None) -> None:
    text = "left out, one is enough" if run is None else f"{1000 * run.step:.1f} ms"
    print(f"{what}: {text}", file=sys.stderr, flush=True)


def show(rows: dict[str, Row]) -> str:
    """Return rows as an aligned table."""
    return table([HEAD, *(_cells(name, row) for name, row in rows.items())])


def _cells(name: str, row: Row) -> tuple[str, ...]:
    frozen, method = ROWS[name]
    return (
        "all but the head" if frozen == "head" else frozen,
        method,
        *(_spread([1000 * run.step for run in row.done(variant)], 1) for variant in VARIANTS),
        _spread(row.ratio(NATIVE, TRAINER), 1),
        _spread(row.ratio(TRAINER, SET), 2),
        " ".join(run.threads for run in row.done(TRAINER)),
        _agreement(max(row.differences())),
    )


def _spread(values: Sequence[float], digits: int) -> str:
    low, middle, high = (f"{f(values):.{digits}f}" for f in (min, median, max))
    return middle if len(values) == 1 else f"{middle} ({low}..{high})"


def _agreement(difference: float) -> str:
    return f"{'agree' if difference <= _EQUAL else 'DIFFER'} ({difference:.0e})"


def _title(net: str, rows: dict[str, Row], repeats: int) -> str:
    batch = "x".join(map(str, NETS[net].shape))
    counts = []
    for letter, variant in zip("abc", VARIANTS, strict=True):
        timed = [len(run.times) for row in rows.values() for run in row.done(variant)]
        counts.append(f"{letter} {min(timed)} to {max(timed)}")
    return f"{net}, batch {batch}; {repeats} repeats; steps timed in each: {', '.join(counts)}"


def machine() -> str:
    """Return what the times depend on: processor, cores, load, versions."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    names = [line.partition(":")[2] for line in info.splitlines() if line.startswith("model name")]
    cpu = names[0].strip() if names else platform.processor() or "unknown"
    return (
        f"{cpu}, {len(os.sched_getaffinity(0))} cores, "
        f"AVX-512 {'yes' if 'avx512f' in info else 'no'}, load {os.getloadavg()[0]:.1f}\n"
        f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {_version(name)}" for name in ("mindspore", "mindcv", "numpy"))
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/bench", description=_ABOUT)
    parser.add_argument("--nets", type=_subset(NETS), default=list(NETS), help=", ".join(NETS))
    parser.add_argument("--rows", type=_subset(ROWS), default=list(ROWS), help=", ".join(ROWS))
    parser.add_argument("--repeats", type=int, help=f"processes a cell; default {REPEATS}")
    parser.add_argument("--steps", type=int, default=60, help="steps to time, at most; default 60")
    parser.add_argument("--seconds", type=float, default=3.0, help="of them, at most; default 3")
    parser.add_argument("--by-hand", choices=("cell", "jit"), default="cell", help=_BY_HAND)
    parser.add_argument("--quick", action="store_true", help="LeNet-5 once; about two minutes")
    options = parser.parse_args()
    if options.quick:
        options.nets, options.repeats = ["lenet5"], 1
    return options


def _subset(known: Iterable[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in known]:
            expected, received = ", ".join(known), ", ".join(unknown)
            raise argparse.ArgumentTypeError(f"expected some of {expected}, received {received}")
        return chosen

    return names


_ABOUT = "Time training steps: MindSpore as it comes, with the CPU settings, and with this trainer."
_BY_HAND = "a and b: nn.TrainOneStepCell, or value_and_grad in a ms.jit function; default cell"
_LEGEND = f"""\
{"; ".join(VARIANTS.values())}
ms: from the end of one step to the end of the next, the wait for data and the fetch of the loss
  included; median over a run's steps, then median (least..most) over the repeats.
a/c: how many times faster this trainer is than MindSpore as it comes; c/b: what it costs. Both are
  taken within each repeat, then median (least..most).
b is ONEDNN_MAX_CPU_ISA=AVX2. c sets it by itself and tries in its first steps whether the main
  thread is better off on a core of its own; each step has its finite check and watchers.
All three: the same batches from memory by the same pipeline, the same first weights, Momentum;
  batch normalisation of the frozen part in inference mode. Losses: largest relative difference."""

if __name__ == "__main__":
    main()
