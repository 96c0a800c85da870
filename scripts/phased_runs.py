"""Phased runs: configurations of several phases that are killed at random, and what is compared."""

import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from scripts import stress_runs
from scripts.kill_at import MOMENTS
from trainer.checkpoint import checkpoint_index
from trainer.core.run_files import CHECKPOINTS

_CLOCK = "seconds"  # of the progress; differs in every run
_SKIPPED = (0, 0, 1, 2)  # transitions of a process before the one at which it is killed

_LIST = """phases.list=[
    {name: head, freeze: [conv1, conv2], until: {steps: 7}},
    {name: top, freeze: [conv1], until: {monitor: validation_loss, patience: 1, max_epochs: 1.5},
     start_from: best, optimizer_state: new},
    {name: back, freeze: [conv1, conv2], lr_factor: 0.5, warmup_epochs: 0.2, until: {steps: 9}},
    {name: thawed, until: {share: 0.2}},
    {name: front, freeze: [conv1, fc1], start_from: best, until: {epochs: 0.5}},
    {name: all, optimizer_state: reset}]"""
_STORED = """phases.list=[
    {name: full, until: {epochs: 1}},
    {name: front, freeze: [conv1], until: {steps: 30}},
    {name: slower, freeze: [conv1], lr_factor: 0.5, until: {epochs: 1}},
    {name: back, freeze: [conv1, conv2, fc1], start_from: best, until: {epochs: 1}},
    {name: again, freeze: [conv1]}]"""
_RECIPE = (
    "optimizer=adamw",
    "optimizer.lr=0.002",
    "schedule=cosine",
    "schedule.warmup_steps=3",
    "gradient.clip=norm",
    "gradient.clip_value=1",
    "gradient.accumulation_steps=2",
    "ema.decay=0.9",
    "ema.warmup=true",
)
_AUTOMATIC = (
    "phases=auto_freezing",
    "phases.max_drop=0",
    "phases.percentile=100",
    "phases.tolerance=null",
)

# Overrides by name; in `automatic` a freeze is undone.
CASES: dict[str, tuple[str, ...]] = {
    "recipe": (" ".join(_LIST.split()), "epochs=5", "evaluation.every_steps=5", *_RECIPE),
    "stored": (" ".join(_STORED.split()), "epochs=5", "features=store", "device.fetch_every=4"),
    "automatic": (*_AUTOMATIC, "epochs=6", "ema.decay=0.9", "features=store"),
    "unfreezing": (
        "phases=gradual_unfreezing",
        "phases.stages=3",
        "phases.patience=2",
        "phases.epochs=1.5",
        "phases.start_from=best",
        "evaluation.every_steps=6",
        "early_stopping.patience=4",
        "early_stopping.restore_best=true",
        "optimizer=adamw",
        "epochs=5",
    ),
    "blocks": (
        "phases=random_blocks",
        "phases.every=16",
        "phases.unit=steps",
        "phases.optimizer_state=keep",
        "optimizer=adam",
        "device.mode=pynative",
        "epochs=3",
    ),
}


def overrides_of(case: str) -> list[str]:
    """Return the overrides of the runs of a case.

    All batches of an evaluation are full: the loss of a smaller one may differ in its last bit in
    the first evaluations of a process, in runs without phases too.
    """
    return [*CASES[case], "device.threads=free", "limit_validation_batches=5"]


def kill(folder: Path, case: str, draw: random.Random, seconds: float, most: int) -> Counter[str]:
    """Run, kill and resume up to ``most`` times, then let the run end; return the moments.

    Every second kill is at a transition or soon after it; see ``stress_runs.kill``.
    """
    killed: Counter[str] = Counter()
    overrides = overrides_of(case)
    while killed.total() < most:
        if draw.random() < 0.5:
            moment = stress_runs.kill_once(folder, overrides, draw, seconds)
        else:
            moment = kill_at_transition(folder, case, draw)
        if not moment:
            break
        killed += moment
    stress_runs.finish(folder, overrides)
    return killed


def kill_at_transition(folder: Path, case: str, draw: random.Random) -> Counter[str]:
    """Have a run kill itself at a transition; return the moment, nothing if it ended before."""
    moment, number = draw.choice([*MOMENTS]), draw.choice(_SKIPPED)
    seconds = draw.choice((0.0, 0.0, 2 * draw.random()))
    steps = draw.choice((1, 3, "null"))
    command = [sys.executable, "-m", "scripts.kill_at", moment, str(number), str(seconds)]
    lines = [*overrides_of(case), f"checkpoint.every_steps={steps}"]
    with stress_runs.Run(folder, lines, command) as run:
        code = run.wait()
        if code == 0:
            return Counter()
        run.expect(-9)
    return Counter({f"transition, {moment}": 1})


def differences(one: Path, other: Path) -> list[str]:
    """Return what differs between two runs that must be equal, their last checkpoints included."""
    texts = stress_runs.differences(one, other)
    pairs = zip(_last_checkpoints(one), _last_checkpoints(other), strict=False)
    for (name, record), (received, again) in pairs:
        differing = [key for key in record if record[key] != again.get(key)]
        if name != received or differing:
            texts.append(f"checkpoint {name}, {received} there: other values of {differing}")
    return texts


def _last_checkpoints(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return name and content of the last checkpoint and of the best, without times."""
    last = max(path.name for path in (folder / CHECKPOINTS).glob("epoch_*"))
    best = checkpoint_index.best(folder / CHECKPOINTS)
    names = [last] + ([best.name] if best else [])
    return [(name, _content(folder / CHECKPOINTS / name)) for name in names]


def _content(folder: Path) -> dict[str, Any]:
    record = json.loads((folder / "checkpoint.json").read_text())
    record["progress"].pop(_CLOCK)
    record.pop("settings")  # their interval of checkpoints may differ
    return record
