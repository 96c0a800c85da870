"""The trainer's own loop, with what a run has around each step."""

import os
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import mindspore.dataset as ds
from mindspore import nn

from scripts.bench_hand import momentum
from scripts.bench_task import NETS, SEED, Clock, Task
from trainer import data, layout, loop, methods, plan, trace
from trainer.console import Console
from trainer.errors import Stopped
from trainer.guard import Guard
from trainer.placement import Placement
from trainer.plan import Plan
from trainer.progress import Progress
from trainer.proof import Proof
from trainer.rules import Rule
from trainer.score import Score
from trainer.step import Step
from trainer.upstream import upstream
from trainer.watcher import Watcher, Watchers


def train(task: Task, net: nn.Cell, pipeline: ds.Dataset, clock: Clock) -> str:
    """Train until the clock has enough; return how the threads were placed then."""
    cores = len(os.sched_getaffinity(0))
    phase = loop.Phase(_plan(task, net, pipeline), 2)
    with tempfile.TemporaryDirectory() as folder:
        proof = Proof(Path(folder) / "proof.json")
        placement = Placement(task.threads)
        watcher = Watchers(placement, proof, Console(task.batches), Guard(), _Ticks(clock))
        with suppress(Stopped):
            loop.train(_loop(net, pipeline, watcher, clock), [phase])
        threads = "apart" if len(os.sched_getaffinity(0)) < cores else "free"
        watcher.end(True)
    return threads


class _Ticks(Watcher):
    """Hands every step to the clock; last of the watchers, so that their work is timed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def step(self, loss: float, seconds: float, progress: Progress) -> None:
        self._clock.step(loss)


def _plan(task: Task, net: nn.Cell, pipeline: ds.Dataset) -> Plan:
    what = layout.read(net)
    if task.frozen == "nothing":
        return plan.resolve([], what)
    cuts = methods.load(task.method).CUTS
    all_but_head = rf"re:(?!{NETS[task.net].head}\b).*"
    pattern = all_but_head if task.frozen == "head" and not cuts else task.behind
    rules = [Rule((pattern,), task.method, cuts)]
    resolved = plan.resolve(rules, what)
    if not cuts:
        return resolved
    batch = next(iter(data.batches(pipeline, SEED, 0)))
    lineage = trace.trace(net, [(nn.CrossEntropyLoss(), batch)], resolved.cuts)
    return plan.resolve(rules, what, upstream(lineage, resolved.cuts, resolved.cut_methods))


def _loop(net: nn.Cell, pipeline: ds.Dataset, watcher: Watcher, clock: Clock) -> loop.Loop:
    return loop.Loop(
        net=net,
        optimizer=lambda applied: momentum(applied.trainable),
        step=partial(Step, net, nn.CrossEntropyLoss()),
        batches=lambda epoch: data.batches(pipeline, SEED, epoch),
        evaluate=lambda: Score(0.0, None, 0),  # between epochs, so it is no part of a step
        watcher=watcher,
        stopped=lambda: "timed" if clock.done() else "",
    )
