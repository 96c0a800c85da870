"""Measures how long training waits at a transition between phases: ResNet-18, 64x64, batches of 32.

Command: ``python -m scripts.transition_cost``: three runs of four phases, each run in a process of
its own: without the compile cache, with an empty one, and with one that holds all graphs. For each
transition it prints the seconds from the end of a phase to the end of the next one's first step.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mindspore.dataset as ds
import numpy as np
from mindspore import nn

from trainer.core.table import table
from trainer.engine.callback import Callback, PhaseResult, RunInfo
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel

STEPS, SIZE, BATCH = 6, 64, 32
PHASES = {
    "head": ["conv1", "bn1", "layer*"],
    "top": ["conv1", "bn1", "layer[123]"],
    "all": [],
    "head again": ["conv1", "bn1", "layer*"],
}
RUNS = {
    "no cache": ["compile_cache.use=false"],
    "cache is filled": [],
    "cache holds all": [],
}
_NAME = "transitions.json"


class Recorder(Callback):
    """Records the moments of each transition, and the time of each step."""

    def on_run_start(self, run: RunInfo) -> None:
        """Find out where to write."""
        self._path = run.folder / _NAME
        self._rows: list[dict[str, Any]] = []

    def on_phase_end(self, phase: PhaseResult) -> None:
        """Record the last step's end as the transition's begin."""
        self._rows.append({"begin": self._last_step, "steps": []})

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """Record that model and optimizer have been set up."""
        if self._rows:
            self._rows[-1]["built"] = time.perf_counter()

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        """Record the end of a step."""
        self._last_step = time.perf_counter()
        if self._rows:
            self._rows[-1]["steps"].append(self._last_step)

    def on_run_end(self, done: bool) -> None:
        """Write what was recorded."""
        self._path.write_text(json.dumps(self._rows))


def pipelines() -> tuple[ds.Dataset, None]:
    """Return random images, one epoch, so that no transition has the work of an epoch's end."""
    random = np.random.default_rng(0)
    images = random.normal(size=(BATCH * STEPS * len(PHASES), 3, SIZE, SIZE)).astype(np.float32)
    labels = random.integers(0, 10, len(images)).astype(np.int32)
    columns = ds.NumpySlicesDataset((images, labels), ["image", "label"], shuffle=False)
    return columns.batch(BATCH), None


def main() -> None:
    """Measure, and print a line for each transition of each run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        entries = [
            {"name": key.replace(" ", "_"), "freeze": frozen, "until": {"steps": STEPS}}
            for key, frozen in PHASES.items()
        ]
        (folder / "phases.yaml").write_text(json.dumps({"list": entries}))
        rows = [row for run in RUNS for row in _rows(run, folder)]
    head = ("compile cache", "next phase", "wait s", "rebuild s", "first step s", "later steps s")
    print(table([head, *rows], left=(0, 1)))


def _rows(run: str, folder: Path) -> list[tuple[str, ...]]:
    path = folder / run.replace(" ", "_")
    overrides = [
        *("model=mindcv", "model.name=resnet18", "model.num_classes=10", "init_from=null"),
        *("dataset=custom", "dataset._target_=scripts.transition_cost.pipelines"),
        *("features=off", "epochs=1", f"phases.file={folder / 'phases.yaml'}"),
        *("callback=custom", "callback.custom._target_=scripts.transition_cost.Recorder"),
        *(f"compile_cache.folder={folder / 'graphs'}", f"hydra.run.dir={path}", *RUNS[run]),
    ]
    command = [sys.executable, "-m", "trainer", *overrides]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ)
    if ended.returncode:
        sys.exit(ended.stdout + ended.stderr)
    records = json.loads((path / _NAME).read_text())
    names = list(PHASES)[1:]
    return [(run, key, *_cells(record)) for key, record in zip(names, records, strict=True)]


def _cells(record: dict[str, Any]) -> list[str]:
    begin, built, steps = record["begin"], record["built"], record["steps"]
    later = statistics.median(np.diff(steps).tolist())
    return [f"{s:.2f}" for s in (steps[0] - begin, built - begin, steps[0] - built, later)]


if __name__ == "__main__":
    main()
