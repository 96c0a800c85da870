"""The training loop: phases and epochs. Callbacks run around it; it knows none by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from trainer.backend.host_copy import HostCopy
from trainer.backend.recompute import recompute
from trainer.core.errors import WeightsNotFinite
from trainer.engine import divergence
from trainer.engine.callback import EpochResult, PhaseResult
from trainer.engine.epoch import evaluate, train_epoch
from trainer.engine.loop_spec import Loop
from trainer.engine.optimizer_step import OptimizerStep
from trainer.engine.phase_place import PhasePlace
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.optim.state_bank import StateBank
from trainer.phases.phase import Phase


class PhaseInEffect:
    """A phase whose plan is applied to the model, with its optimizer.

    Attributes:
        loop: what it works with.
        phase: the phase.
        frozen_model: the model under its plan.
        optimizer: over what trains.
        host_copy: of the model.
    """

    def __init__(self, loop: Loop, phase: Phase, host_copy: HostCopy) -> None:
        self.loop = loop
        self.phase = phase
        self.host_copy = host_copy
        self.frozen_model = FrozenModel(loop.model, phase.plan)
        self._undo_recompute = recompute(loop.model, loop.recomputed)
        self.optimizer = loop.make_optimizer(self.frozen_model)
        self._step: OptimizerStep | None = None

    @property
    def step(self) -> OptimizerStep:
        """Its step, built when it is first needed: it ignores later changes of flags and hooks."""
        if self._step is None:
            self._step = self.loop.make_step(self.optimizer)
        return self._step

    def undo(self) -> None:
        """Take the plan back; the step must not be used again."""
        self._step = None
        self._undo_recompute()
        self.frozen_model.undo()


def train(
    make_loop: Callable[[], Loop],
    place: PhasePlace,
    load_weights: Callable[[StateBank], None] = lambda bank: None,
) -> Progress:
    """Train through the phases of a run; return how far it has come.

    Args:
        make_loop: returns the loop of the present phase, once the one before has ended.
        place: where the run is among its phases.
        load_weights: loads what it starts from, if those are not the last weights and state.

    Raises:
        NotFinite: a loss was not finite; that step changed no weight.
        Stopped: ``loop.stop_reason`` returned one; the callbacks know where.
        BadData: ``loop.batches`` raised it; all steps before that batch are saved.
    """
    loop = make_loop()
    progress, bank = loop.start or Progress(), loop.bank
    if loop.is_over(progress):
        return progress
    current = _first_phase(loop, place)
    while not current.loop.is_over(progress):
        if reason := place.next_reason(progress):
            _end_phase(current, place, progress, reason, bank)
            load_weights(bank)
            current = _next_phase(make_loop(), current, place, bank)
        progress = _epoch(current, progress)
    current.undo()
    return progress


def _first_phase(loop: Loop, place: PhasePlace) -> PhaseInEffect:
    """Begin the run, and record its start; or restore the state of a resume."""
    host_copy = loop.host_copy or HostCopy(loop.model)
    current = PhaseInEffect(loop, place.phase, host_copy)
    loop.callback.on_phase_start(current.frozen_model, current.optimizer)
    if loop.start is None:
        score, ema = evaluate(loop, Progress())
        plan = place.phase.plan
        result = EpochResult(0, plan, host_copy.fetch(), score, ema=ema, phase=place.recorded)
        loop.callback.on_epoch_end(result)
    else:
        loop.restore_optimizer(current.optimizer)
    return current


def _end_phase(
    current: PhaseInEffect, place: PhasePlace, progress: Progress, reason: str, bank: StateBank
) -> None:
    """End a phase, and keep the state of its optimizer."""
    weights = current.host_copy.fetch()
    result = PhaseResult(place.start, current.phase.plan, progress, reason, weights)
    current.loop.callback.on_phase_end(result)
    bank.keep(current.optimizer)
    current.undo()
    place.advance(progress, reason)


def _next_phase(
    loop: Loop, before: PhaseInEffect, place: PhasePlace, bank: StateBank
) -> PhaseInEffect:
    """Begin a phase with the state that it carries over."""
    phase = place.phase
    current = PhaseInEffect(loop, phase, before.host_copy)
    trained = before.phase.plan.names("trainable")
    bank.restore(current.optimizer, phase.optimizer_state, trained)
    loop.callback.on_phase_start(current.frozen_model, current.optimizer)
    return current


def _epoch(current: PhaseInEffect, progress: Progress) -> Progress:
    """Train the rest of an epoch, or of its part in the phase; return the progress."""
    with _causes_named(current.loop, progress.epochs + 1):
        parts = current.loop, current.frozen_model, current.step
        return train_epoch(*parts, progress, current.host_copy)


@contextmanager
def _causes_named(loop: Loop, epoch: int) -> Iterator[None]:
    """Add the likely cause to the error of weights that are not finite; reads the epoch again."""
    try:
        yield
    except WeightsNotFinite as error:
        raise divergence.weights_not_finite(error, loop.batches(epoch)) from None
