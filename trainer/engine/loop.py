"""The training loop: phases and epochs. Callbacks run around it; it knows none by name."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mindspore import nn

from trainer.backend.host_copy import HostCopy
from trainer.backend.recompute import recompute
from trainer.core.errors import WeightsNotFinite
from trainer.engine import divergence
from trainer.engine.callback import EpochResult
from trainer.engine.epoch import evaluate, train_epoch
from trainer.engine.loop_spec import Loop, Phase
from trainer.engine.optimizer_step import OptimizerStep
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.optim.optimizer import carry_over


def train(loop: Loop, phases: Sequence[Phase]) -> Progress:
    """Train through the phases in turn; return how far the run has come.

    Raises:
        NotFinite: a loss was not finite; that step changed no weight.
        Stopped: ``loop.stop_reason`` returned one; the callbacks know where.
        BadData: ``loop.batches`` raised it; all steps before that batch are saved.
    """
    last_epoch, previous, progress = 0, None, loop.start or Progress()
    host_copy = loop.host_copy or HostCopy(loop.model)
    for phase in phases:
        epochs = range(max(last_epoch, progress.epochs) + 1, last_epoch + phase.epochs + 1)
        last_epoch += phase.epochs
        if not epochs:
            continue
        frozen_model = FrozenModel(loop.model, phase.plan)
        undo_recompute = recompute(loop.model, loop.recomputed)
        optimizer = loop.make_optimizer(frozen_model)
        loop.callback.on_phase_start(frozen_model, optimizer)
        _begin(loop, phase.plan, previous, optimizer, host_copy)
        step = loop.make_step(optimizer)  # compiled: it ignores later changes of flags and hooks
        for epoch in epochs:
            if progress.epochs == epoch - 1:  # else the run has ended before
                progress = _epoch(loop, frozen_model, step, progress, host_copy)
        undo_recompute()
        frozen_model.undo()
        previous = optimizer
    return progress


def _begin(
    loop: Loop,
    plan: Plan,
    previous: nn.Optimizer | None,
    optimizer: nn.Optimizer,
    host_copy: HostCopy,
) -> None:
    """Carry over the last phase's state, record the first one, or restore that of a resume."""
    if previous is not None:
        carry_over(previous, optimizer)
    elif loop.start is None:
        score, ema = evaluate(loop, Progress())
        loop.callback.on_epoch_end(EpochResult(0, plan, host_copy.fetch(), score, ema=ema))
    else:
        loop.restore_optimizer(optimizer)


def _epoch(
    loop: Loop,
    frozen_model: FrozenModel,
    step: OptimizerStep,
    progress: Progress,
    host_copy: HostCopy,
) -> Progress:
    """Train the rest of an epoch, unless the run is over before; return the progress."""
    if not progress.steps and loop.end_reason():
        return progress
    with _causes_named(loop, progress.epochs + 1):
        return train_epoch(loop, frozen_model, step, progress, host_copy)


@contextmanager
def _causes_named(loop: Loop, epoch: int) -> Iterator[None]:
    """Add the likely cause to the error of weights that are not finite; reads the epoch again."""
    try:
        yield
    except WeightsNotFinite as error:
        raise divergence.weights_not_finite(error, loop.batches(epoch)) from None
