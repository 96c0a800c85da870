"""Final weights: those that a finished run leaves, and the record of which they are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.artifacts import run_result
from trainer.artifacts.run_result import Ended, Moment, RunResult
from trainer.backend import host_copy
from trainer.checkpoint import checkpoint, checkpoint_index
from trainer.checkpoint.checkpoint import CorruptCheckpoint
from trainer.core import tensors
from trainer.core.errors import ConfigError
from trainer.core.run_files import CHECKPOINTS, EMA, MODEL
from trainer.core.tensors import Weights
from trainer.engine.ema import PREFIX, WeightAverages
from trainer.engine.history import History, Measurement
from trainer.engine.progress import Progress
from trainer.run.fit_context import FitContext


@dataclass(frozen=True)
class _Final:
    """Weights, their averages, their moment, and what was measured of them."""

    weights: Weights
    averages: Weights | None
    moment: Moment
    measurement: Measurement | None


def write(context: FitContext, averages: WeightAverages | None, end: Progress) -> RunResult:
    """Write the weights and the result of a run that has come to its end; return the result.

    Args:
        context: of the run.
        averages: of the weights; None: there are none.
        end: how far the run has come.
    """
    final = _best(context) or _last(context, averages, end)
    _write_tensors(context.folder, final.weights, final.averages)
    monitor = context.monitor
    values = dict(final.measurement.values) if final.measurement else {}
    result = RunResult(
        ended=_ended(context, end),
        reason=context.end_reason(),
        end=Moment(end.epochs, end.steps),
        weights=final.moment,
        monitor=monitor.name,
        mode=monitor.mode,
        value=values.get(monitor.name),
        values=values,
    )
    run_result.write(context.folder, result)
    return result


def write_so_far(context: FitContext, weights: Weights, averages: WeightAverages | None) -> None:
    """Write the weights of a run that ends before its time."""
    _write_tensors(context.folder, weights, averages.weights() if averages else None)


def weights_of(context: FitContext) -> Weights:
    """Return a copy of the model's weights, in the types in which the plan stores them.

    The model has float32 weights where no plan is in effect, as before and after the training.
    """
    weights, half = host_copy.to_numpy(context.components.model), context.plan.half
    return {n: a.astype(np.float16) if n in half else a for n, a in weights.items()}


def _write_tensors(folder: Path, weights: Weights, averages: Weights | None) -> None:
    tensors.write(folder / MODEL, weights)
    if averages is not None:
        tensors.write(folder / EMA, averages)
    else:
        (folder / EMA).unlink(missing_ok=True)  # from before a resume with ema.decay=null


def _ended(context: FitContext, end: Progress) -> Ended:
    place, length = context.place, context.length
    if place.is_last and context.stopping.reason(place.stopping_since):
        return "early_stopping"
    if place.is_last and place.improvement_reason():
        return "phases"
    if context.end_reason():
        return "pruned"
    if length.steps_at(end) < length.steps:
        return "phases"
    is_short = length.steps < length.whole_epochs * length.steps_per_epoch
    return "max_steps" if is_short else "epochs"


def _last(context: FitContext, averages: WeightAverages | None, end: Progress) -> _Final:
    weights = weights_of(context)
    moment, measurement = Moment(end.epochs, end.steps), context.history.at(end)
    return _Final(weights, averages.weights() if averages else None, moment, measurement)


def _best(context: FitContext) -> _Final | None:
    """Return the weights of the best checkpoint; None if they are not asked for, or there is none.

    Raises:
        ConfigError: its files are damaged.
    """
    if not context.settings.early_stopping.restore_best:
        return None
    monitor = context.settings.checkpoint.best
    folder = checkpoint_index.best(context.folder / CHECKPOINTS, monitor)
    if folder is None:
        return None
    try:
        best = checkpoint.read(folder)
    except CorruptCheckpoint as error:
        raise ConfigError([f"early_stopping.restore_best: {error}"]) from None
    history = History.from_json(best.history or (), lambda progress: True)
    moment = Moment(best.progress.epochs, best.progress.steps)
    state = best.state.items()
    averages = {n.removeprefix(PREFIX): array for n, array in state if n.startswith(PREFIX)}
    if context.settings.ema.decay is None:  # a resume has switched them off
        averages = {}
    return _Final(best.weights, averages or None, moment, history.at(best.progress))
