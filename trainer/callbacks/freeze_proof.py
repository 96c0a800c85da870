"""Freeze proof: the record that every frozen tensor is bit for bit as it was at the start."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mindspore import nn

from trainer.callbacks import proof_chapters
from trainer.callbacks.background_writer import Submit, run_now
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.core import atomic_files, format_version
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights, same_bits, sha256
from trainer.core.text import shorten
from trainer.distributed.world import World
from trainer.engine.callback import Callback, EpochResult, PhaseResult
from trainer.engine.phase_place import PhaseStart
from trainer.freezing import proof
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.freezing.proof import TensorComparison

log = logging.getLogger(__name__)


class FreezeProof(Callback):
    """Compares the frozen tensors after each epoch and keeps ``proof.json`` up to date.

    Training waits while they are compared, which takes no time if a ``HostCopy`` returns the same
    arrays; the hashes are computed in parallel to the training.

    Args:
        path: where ``proof.json`` goes.
        resumed: the checkpoint from which the run continues; None if it starts from scratch.
        world: the ranks, on each of which the tensors are compared; the first one writes.
        submit: runs the task that computes the hashes and writes the file.
        start: returns where the present phase began; None if the run has no phases.
    """

    def __init__(
        self,
        path: Path,
        resumed: Checkpoint | None = None,
        world: World | None = None,
        submit: Submit = run_now,
        start: Callable[[], PhaseStart | None] = lambda: None,
    ) -> None:
        self._submit = submit
        self._start_of_phase = start
        self._world = world or World()
        self._path = path
        self._resumed = resumed
        self._start: Weights = {}
        self._reference: Weights = {}
        self.hashes: dict[str, str] = {}  # another object in each phase: tasks hold the old one
        self._ended: PhaseResult | None = None  # the phase that has ended, until the next begins
        self._optimized: set[str] = set()
        self._unchanged: list[str] = []
        self._chapters: list[dict[str, Any]] = []

    def on_resume(self, epoch: int) -> None:
        """Continue with the hashes and chapters of before; errors are those of ``read``."""
        assert self._resumed is not None, "what is resumed was given to the constructor"
        record = read(self._path, self._resumed)
        self._reference = dict(self._resumed.weights)
        self.hashes = dict(self._resumed.frozen)
        self._chapters = [
            c for c in record.get("chapters", []) if proof_chapters.is_before(c, self._resumed)
        ]

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """Note the optimizer's parameters; begin a chapter if the plan is another one."""
        ids = {id(parameter) for parameter in optimizer.parameters}
        named = dict(applied.model.parameters_and_names())
        self._optimized = {name for name, parameter in named.items() if id(parameter) in ids}
        resumed, self._resumed = self._resumed, None
        if self._ended is not None:
            self._begin_chapter(applied, self._ended)
        if resumed is None or atomic_files.plain(applied.plan.as_json()) == resumed.plan:
            return
        for name, parameter in named.items():
            before, now = self._reference.get(name), parameter.asnumpy()
            # Another model was allowed, or another type in which the weights are stored.
            if before is None or (before.shape, before.dtype) != (now.shape, now.dtype):
                self._reference[name] = np.array(now)
                self.hashes.pop(name, None)
        self._chapters.append(proof_chapters.of_resumed(resumed))
        self._write_start(resumed.progress.epochs, applied.plan)

    def on_phase_end(self, phase: PhaseResult) -> None:
        """Compare, fill in ``phase.moved``, and close the chapter of the phase."""
        comparisons = self._compare(phase.plan, phase.weights)
        moved_here = proof.moved(comparisons)
        phase.moved = _on_any_rank(self._world.gather(moved_here))
        frozen = {*phase.plan.names("frozen")}
        self._reference |= {n: a for n, a in phase.weights.items() if n not in frozen}
        self._ended = phase
        if not phase.moved:  # else the guard ends the run
            self._submit(partial(self._close_chapter, phase, comparisons, self.hashes))

    def _close_chapter(
        self, phase: PhaseResult, comparisons: Sequence[TensorComparison], hashes: dict[str, str]
    ) -> None:
        _add_hashes(comparisons, hashes)
        rows = [{"name": t.name, "sha256": hashes[t.name]} for t in comparisons]
        self._chapters.append(proof_chapters.of_phase(phase, rows))

    def _begin_chapter(self, applied: FrozenModel, ended: PhaseResult) -> None:
        """Take the weights that a phase starts from as those of what it freezes.

        Both chapters are in the file before the first checkpoint of the phase, which needs them.
        """
        self._ended, frozen_before = None, {*ended.plan.names("frozen")}
        known = {n: sha256 for n, sha256 in dict(self.hashes).items() if n in frozen_before}
        for name, parameter in applied.model.parameters_and_names():
            now = np.array(parameter.asnumpy())
            if not same_bits(self._reference[name], now):  # it starts from earlier weights
                self._reference[name] = now
                known.pop(name, None)
        self.hashes = known
        self._write_start(ended.progress.epochs, applied.plan)

    def _write_start(self, epochs: int, plan: Plan) -> None:
        """Write the file where a plan takes effect."""
        comparisons = self._compare(plan, self._reference)
        self._write(epochs, comparisons, phase=self._start_of_phase())

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Compare, and fill in ``epoch.moved``; ``FreezeGuard`` acts on it."""
        if not self._reference:
            self._start = epoch.weights
            self._reference = dict(epoch.weights)
        comparisons = self._compare(epoch.plan, epoch.weights)
        moved_here = proof.moved(comparisons)
        epoch.moved = _on_any_rank(self._world.gather(moved_here))
        if epoch.number:
            self._warn_of_unchanged(epoch)
        # Unchanged arrays too: the next epoch holds the very same array objects.
        self._reference |= {
            name: array for name, array in epoch.weights.items() if name not in moved_here
        }
        self._write(epoch.number, comparisons, epoch.moved, epoch.phase)

    def _write(
        self,
        epochs: int,
        comparisons: Sequence[TensorComparison],
        moved: Mapping[str, str] | None = None,
        phase: PhaseStart | None = None,
    ) -> None:
        if not self._world.is_main:
            return
        # A chapter is closed only if all its tensors are equal.
        holds = not moved and all(tensor.equal for tensor in comparisons)
        record: dict[str, Any] = {"holds": holds, "epochs": epochs, "tensors": []}
        if phase is not None:
            record["phase"] = asdict(phase)
        self._submit(partial(self._hash_and_write, record, comparisons, self.hashes))

    def _hash_and_write(
        self,
        record: dict[str, Any],
        comparisons: Sequence[TensorComparison],
        hashes: dict[str, str],
    ) -> None:
        _add_hashes(comparisons, hashes)
        record["tensors"] = [proof.as_row(t, hashes[t.name]) for t in comparisons]
        record["chapters"] = list(self._chapters)  # those closed by the tasks before
        atomic_files.write_json(self._path, format_version.stamp(record))

    @property
    def has_reference(self) -> bool:
        """Whether the weights at the start are known; not if the first evaluation failed."""
        return bool(self._reference)

    def moved(self, plan: Plan, weights: Weights) -> dict[str, str]:
        """Return the frozen tensors that have moved, each with how far and why."""
        return proof.moved(self._compare(plan, weights))

    def _compare(self, plan: Plan, weights: Weights) -> list[TensorComparison]:
        return proof.compare(plan, self._reference, weights, self._optimized)

    def _warn_of_unchanged(self, epoch: EpochResult) -> None:
        # The start is not known after a resume.
        names = proof.unchanged_trainable(epoch.plan, self._start, epoch.weights)
        if names and names != self._unchanged:
            log.warning(
                "warning: trainable, but has not moved since the start: %s (no gradient, or "
                "optimizer.lr is 0?)",
                shorten(names),
            )
        self._unchanged = names


def read(path: Path, resumed: Checkpoint) -> dict[str, Any]:
    """Return the record with which a run continues, after comparing it with the checkpoint.

    Raises:
        ConfigError: they do not agree, so that one of them has been changed; or the record is of a
            newer trainer.
    """
    try:
        record = dict(json.loads(path.read_text())) if path.exists() else {}
        format_version.check(record, path)
        rows = proof_chapters.hashes_at(record, resumed)
    except (ValueError, TypeError, KeyError) as error:
        problem = f"resume: expected {path} as the run wrote it, received another: {error!r}"
        raise ConfigError([problem]) from None
    hashes = {name: sha256(resumed.weights[name]) for name in resumed.frozen}
    names = {name for name in hashes if hashes[name] != resumed.frozen[name]}
    names |= {name for name in rows.keys() & hashes if rows[name] != hashes[name]}
    if names:
        problem = f"{path} and the checkpoint do not agree about {shorten(sorted(names))}"
        raise ConfigError([f"resume: {problem}: one of them has been changed"])
    return record


def _add_hashes(comparisons: Sequence[TensorComparison], hashes: dict[str, str]) -> None:
    for tensor in comparisons:
        if tensor.name not in hashes:
            hashes[tensor.name] = sha256(tensor.before)


def _on_any_rank(moved: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what has moved on any rank; for ranks after the first, the text names the rank."""
    merged = dict(moved[0])
    for rank, texts in enumerate(moved[1:], 1):
        for name, text in texts.items():
            merged.setdefault(name, f"on rank {rank} {text}")
    return merged
