"""Runs each measurement in its own process, so that none depends on an earlier one."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from scripts.benchmark import contenders, from_files, images, modes, recipe
from scripts.benchmark.case import CLASSES, RATE, SEED, Case
from scripts.benchmark.checkout import OWN, Checkout
from scripts.benchmark.clock import Result
from trainer.artifacts import costs as run_costs
from trainer.backend import instruction_set
from trainer.callbacks import metrics_jsonl
from trainer.core.run_files import COSTS, METRICS

_ISA = instruction_set.VARIABLE
_TRIAL = 100  # steps; a shorter run would consist of the trainer's trial of thread placements
_TIMEOUT = 600  # seconds


def measure(case: Case, folder: Path, against: Checkout | None = None) -> Result | str:
    """Measure a case; return the result, or why there is none.

    Args:
        case: the case.
        folder: folder of its images.
        against: the other checkout, which the contender `before` trains with.
    """
    checkout = against if case.contender == contenders.BEFORE else OWN
    if reason := contenders.missing(case) or ("" if checkout else "no --against"):
        return reason
    assert checkout is not None
    start_time = time.monotonic()
    try:
        if case.contender in contenders.TRAINER:
            result = _trainer(case, folder, checkout)
        else:
            result = _loop(case, folder)
    except subprocess.CalledProcessError as error:
        print(f"{error.stdout[-2000:]}{error.stderr[-4000:]}", file=sys.stderr)
        return f"failed: {' '.join((error.stderr.splitlines() or ['?'])[-1].split())[:100]}"
    except subprocess.TimeoutExpired:
        return f"not finished within {_TIMEOUT} seconds"
    except ValueError as error:
        return f"failed: {error}"
    return replace(result, wall=time.monotonic() - start_time)


def _loop(case: Case, folder: Path) -> Result:
    task = json.dumps(asdict(case))
    variables = {
        "compile": {"TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")},  # an empty cache
    }.get(case.contender)
    out = start(["scripts.benchmark.work", task, str(folder)], variables)
    return Result(**json.loads(out.splitlines()[-1]))


def _trainer(case: Case, folder: Path, checkout: Checkout) -> Result:
    with tempfile.TemporaryDirectory() as name:
        run, store = Path(name) / "run", Path(name) / "features"  # new, so that the store is empty
        overrides = [
            *_overrides(case, folder),
            *contenders.features(case.contender, store),
            *contenders.graphs(case.contender, folder / "graphs"),
            *contenders.snapshots(case.contender),
            *(recipe.OVERRIDES | modes.OVERRIDES).get(case.contender, ()),
            f"hydra.run.dir='{run}'",
        ]
        start(["trainer", *overrides], checkout=checkout)
        return read(run, case.contender in ("store", "auto"))


def read(run: Path, stores: bool = False) -> Result:
    """Return the times that a run of the trainer has recorded.

    Args:
        run: its folder.
        stores: whether it may have stored features; then the time per step is that of the last
            epoch, because the first epoch also fills the store.

    Raises:
        ValueError: the run has not recorded them.
    """
    costs = run_costs.read(run / COSTS)
    epochs = [record for record in metrics_jsonl.read(run / METRICS) if record["epoch"]]
    if costs is None or costs.step_seconds is None or not epochs:
        raise ValueError(f"expected {COSTS} and {METRICS} of at least two steps in {run}")
    seconds = [record["seconds"] for record in epochs]
    step = seconds[-1] / epochs[-1]["steps"] if stores else costs.step_seconds
    first = costs.compile_seconds or 0.0
    seconds[0] -= first
    losses = [record["loss"] for record in epochs]
    memory, end = costs.peak_memory_mb, costs.keeping_seconds
    return Result(step, first, seconds, losses, memory, end=end)


def _overrides(case: Case, folder: Path) -> list[str]:
    freeze = [f"freeze=[{','.join(case.parts)}]", f"method={case.method}"]
    threads = "auto" if case.steps >= _TRIAL else "free"
    return [
        *case.net.model,
        *(freeze if case.frozen else []),
        *("init_from=null", "new_head=[]", "checkpoint.every_minutes=null"),
        *(
            "optimizer=momentum",
            f"optimizer.lr={RATE}",
            f"seed={SEED}",
            f"device.threads={threads}",
        ),
        *(f"batch_size={case.task.batch}", f"epochs={case.epochs}"),
        *(from_files.overrides(folder) if case.task.files else _arrays(case, folder)),
    ]


def _arrays(case: Case, folder: Path) -> list[str]:
    return [
        *("dataset=custom", "dataset._target_=scripts.benchmark.pipelines.pipelines"),
        *("+dataset.batch_size=${batch_size}", f"+dataset.num_classes={CLASSES}"),
        f"+dataset.file='{images.path(folder, case.task)}'",
        f"+dataset.count={case.images}",
    ]


def start(
    arguments: Sequence[str], variables: dict[str, str] | None = None, checkout: Checkout = OWN
) -> str:
    """Run a module of a checkout with additional environment variables; return what it printed.

    Raises:
        subprocess.CalledProcessError: it failed.
        subprocess.TimeoutExpired: it took too long.
    """
    inherited = {key: value for key, value in os.environ.items() if key != _ISA}
    environment = {**inherited, "GLOG_v": "3", "PYTHONPATH": str(checkout.folder)}
    environment |= variables or {}
    command = [checkout.python, "-m", *arguments]
    return subprocess.run(
        command,
        cwd=checkout.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=_TIMEOUT,
    ).stdout
