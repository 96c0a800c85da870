"""Epoch: its steps, its evaluations, and the calls of the callbacks."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from mindspore import Tensor

from trainer.backend.batch_types import Batch
from trainer.backend.host_copy import HostCopy
from trainer.core.errors import BadData, Stopped
from trainer.core.tensors import Weights
from trainer.engine import divergence
from trainer.engine.callback import EpochResult
from trainer.engine.loop_spec import Loop
from trainer.engine.optimizer_step import OptimizerStep, groups, read_report
from trainer.engine.progress import Progress
from trainer.engine.timed_iterator import TimedIterator
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.metrics.evaluator import NOT_MEASURED, Score


def train_epoch(
    loop: Loop,
    frozen_model: FrozenModel,
    step: OptimizerStep,
    progress: Progress,
    host_copy: HostCopy,
) -> Progress:
    """Train the rest of an epoch, and record it; return the progress.

    If another phase begins within the epoch, return there.
    """
    frozen_model.set_train()
    evaluations = _Evaluations(loop)
    progress, speed = _steps(loop, frozen_model, step, progress, evaluations)
    if loop.place.ends_within(progress) and not loop.ends_within(progress):
        return progress
    stopped_at = progress if loop.ends_within(progress) else None
    scores = _evaluate_end(loop, progress, evaluations, stopped_at is not None)
    end = time.perf_counter()
    result = _result(loop, progress, frozen_model.plan, host_copy.fetch(), scores)
    loop.callback.on_epoch_end(replace(result, images_per_second=speed, stopped_at=stopped_at))
    loop.callback.on_epoch_overhead(time.perf_counter() - end)
    return stopped_at or progress.epoch_start(progress.epochs + 1)


def _result(
    loop: Loop, progress: Progress, plan: Plan, weights: Weights, scores: tuple[Score, Score | None]
) -> EpochResult:
    """Return what is known at the end of an epoch, except for its speed."""
    return EpochResult(
        progress.epochs + 1,
        plan,
        weights,
        scores[0],
        steps=progress.steps,
        loss=progress.loss / max(progress.steps, 1),
        seconds=progress.seconds,
        progress=progress,
        ema=scores[1],
        trained=loop.place.trained_in(progress.epochs + 1),
        phase=loop.place.recorded,
    )


class _Evaluations:
    """The evaluations of an epoch; weights that have just been evaluated are not again.

    An evaluation within an epoch may end the run, which is evaluated at its end.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._last: tuple[Progress, tuple[Score, Score | None]] | None = None

    def at(self, progress: Progress) -> tuple[Score, Score | None]:
        """Return the scores at a progress; see ``evaluate``."""
        if self._last is None or self._last[0] != progress:
            self._last = progress, evaluate(self._loop, progress)
        return self._last[1]


def _steps(
    loop: Loop,
    frozen_model: FrozenModel,
    step: OptimizerStep,
    progress: Progress,
    evaluations: _Evaluations,
) -> tuple[Progress, float]:
    """Take the remaining steps of an epoch; return the progress, and samples per second."""
    epoch = progress.epochs + 1
    times: list[tuple[int, float]] = []
    pending: list[tuple[Tensor, list[Batch]]] = []
    sync = partial(_sync, loop, frozen_model, evaluations, pending)
    start = time.perf_counter()
    batches = TimedIterator(_remaining_batches(loop, progress))
    while not loop.pauses_within(progress) and (group := next(batches, None)) is not None:
        if isinstance(group, BadData):
            progress, _ = sync(progress, start, times)
            loop.callback.on_interrupt(progress)
            raise BadData(f"epoch {epoch}, step {progress.steps + 1}: {group}; all before is saved")
        pending.append((step(group, loop.updates(progress) + len(pending)), group))
        if not _syncs_after(loop, progress, len(pending)):
            continue
        progress, start = sync(progress, start, times)
        if reason := loop.stop_reason():
            loop.callback.on_interrupt(progress)
            raise Stopped(f"{reason} in epoch {epoch}, after step {progress.steps}; all is saved")
    progress, _ = sync(progress, start, times)
    loop.callback.on_data_wait(batches.seconds)
    return progress, _samples_per_second(times)


def _remaining_batches(loop: Loop, progress: Progress) -> Iterator[list[Batch] | BadData]:
    """Return the batches of each step that is left of an epoch."""
    done = progress.steps * loop.accumulation_steps
    return groups(loop.batches(progress.epochs + 1, done), loop.accumulation_steps)


def _syncs_after(loop: Loop, progress: Progress, count: int) -> bool:
    """Tell whether the losses of a number of steps are to be fetched."""
    if count >= loop.fetch_every or loop.stop_reason():
        return True
    reached = replace(progress, steps=progress.steps + count)
    return loop.length.evaluates_within(reached) or loop.pauses_within(reached)


def _sync(
    loop: Loop,
    frozen_model: FrozenModel,
    evaluations: _Evaluations,
    pending: list[tuple[Tensor, list[Batch]]],
    progress: Progress,
    start: float,
    times: list[tuple[int, float]],
) -> tuple[Progress, float]:
    """Wait for steps, and evaluate if it is time; return the progress, and when it was reached."""
    if not pending:
        return progress, start
    progress = _fetch_reports(loop, pending, progress, start, times)
    now = time.perf_counter()
    if loop.length.evaluates_within(progress):  # first, so that a checkpoint here has its values
        loop.callback.on_evaluation(progress, *evaluations.at(progress))
        frozen_model.set_train()
        now = time.perf_counter()
    loop.callback.on_weights_synced(progress)
    return progress, now


def _fetch_reports(
    loop: Loop,
    pending: list[tuple[Tensor, list[Batch]]],
    progress: Progress,
    start: float,
    times: list[tuple[int, float]],
) -> Progress:
    """Wait for the reports of steps, pass each to the callbacks; return the progress."""
    reports = [read_report(tensor) for tensor, _ in pending]
    now = time.perf_counter()
    for report, (_, group) in zip(reports, pending, strict=True):
        loss = report.loss
        if not math.isfinite(loss):
            raise divergence.loss_not_finite(loss, progress.epochs + 1, progress.steps + 1, group)
        samples = loop.world_size * sum(batch[-1].shape[0] for batch in group)
        times.append((samples, (now - start) / len(pending)))
        progress = progress.after(report, *times[-1])
        loop.callback.on_step_end(loss, times[-1][1], progress)
    pending.clear()
    return progress


def _samples_per_second(times: Sequence[tuple[int, float]]) -> float:
    """Return samples per second, without the first step if there are others."""
    warm = times[1:] or times
    return sum(samples for samples, _ in warm) / sum(seconds for _, seconds in warm) if warm else 0


def evaluate(loop: Loop, progress: Progress) -> tuple[Score, Score | None]:
    """Return the score after the steps of an epoch, and that of the averaged weights, if any.

    Raises:
        BadData: of the validation data; the steps of the epoch are saved.
    """
    try:
        score = loop.evaluate()
        if loop.averaged is None:
            return score, None
        with loop.averaged():
            return score, loop.evaluate()
    except BadData as error:
        if progress.steps:
            loop.callback.on_interrupt(progress)
        epoch = progress.epochs + 1 if progress.steps else progress.epochs
        raise BadData(f"evaluation after epoch {epoch}: {error}") from None


def _evaluate_end(
    loop: Loop, progress: Progress, evaluations: _Evaluations, is_over: bool
) -> tuple[Score, Score | None]:
    """Return the scores at the end of an epoch, or of the run; not measured if it is not time."""
    if is_over or loop.length.evaluates_after(progress.epochs + 1):
        return evaluations.at(progress)
    return NOT_MEASURED, None
