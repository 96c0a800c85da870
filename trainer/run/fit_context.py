"""Fit context: what the callbacks and the loop of one run share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from mindspore import Parameter

from trainer.backend.host_copy import HostCopy
from trainer.callbacks import metrics_jsonl
from trainer.callbacks.background_writer import BackgroundWriter
from trainer.callbacks.early_stopping import EarlyStopping
from trainer.callbacks.freeze_proof import FreezeProof
from trainer.callbacks.pruning import Pruning, TrialInfo
from trainer.checkpoint import restore
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.config.schema import Settings
from trainer.core.run_files import METRICS, PROOF
from trainer.data.batches import ReadingState
from trainer.distributed import world
from trainer.distributed.world import World
from trainer.engine.adaptive_place import AdaptivePlace, updates_from_json
from trainer.engine.history import History
from trainer.engine.phase_place import PhasePlace
from trainer.engine.run_length import RunLength
from trainer.freezing.plan import Plan
from trainer.metrics.monitor import Monitor
from trainer.optim.rate_schedule import RateSchedule, lr_factors
from trainer.optim.schedule import StepCounts
from trainer.optim.schedules.warmup import warmup
from trainer.optim.state_bank import StateBank
from trainer.phases.phase import Phase
from trainer.run.components import RunComponents
from trainer.run.graph_reuse import CompiledRun
from trainer.run.learning_rate import build_rate_schedule, steps_taken
from trainer.run.length import run_length
from trainer.run.phase_starts import phase_starts


@dataclass(frozen=True)
class FitContext:
    """What the callbacks and the loop of one run share.

    Attributes:
        settings: of the run.
        components: what it starts from; the model is the one that the graphs were compiled for.
        folder: where everything is written.
        world: this process among the ranks.
        extra: parameters that a step changes besides those of model and optimizer, by name.
        writer: writes files in the background.
        host_copy: of the model.
        proof: that no frozen tensor moved.
        rate_schedule: the learning rates at each optimizer step.
        length: of the run.
        history: all evaluations, with those before a resume.
        monitor: the value that decides what is best.
        place: where the run is among its phases.
        stopping: whether it no longer improves.
        pruning: ends a trial of a search; None: the run is none, or is not pruned.
        bank: the optimizer's state of parameters that are frozen for a while.
        reading: whether training batches are being read.
    """

    settings: Settings
    components: RunComponents
    folder: Path
    world: World
    extra: Mapping[str, Parameter]
    writer: BackgroundWriter
    host_copy: HostCopy
    proof: FreezeProof
    rate_schedule: RateSchedule
    length: RunLength
    history: History
    monitor: Monitor
    place: PhasePlace
    stopping: EarlyStopping
    pruning: Pruning | None = None
    bank: StateBank = field(default_factory=StateBank)
    reading: ReadingState = field(default_factory=ReadingState)

    @classmethod
    def of(
        cls, settings: Settings, compiled: CompiledRun, folder: Path, trial: TrialInfo | None = None
    ) -> "FitContext":
        """Return the context of a run."""
        components, ranks, writer = compiled.components, world.current(), BackgroundWriter()
        checkpoint = components.resume_point.checkpoint if components.resume_point else None
        length = run_length(settings, components.train, ranks.world_size)
        history = _history(checkpoint, folder, length)
        monitor = Monitor.of(settings.evaluation.monitor)
        stopping = EarlyStopping(settings.early_stopping, monitor, history)
        place = _place(settings, components, length, history, stopping)
        parts = checkpoint, ranks, writer.submit, lambda: place.recorded
        return cls(
            settings,
            components,
            folder,
            ranks,
            restore.extra_state(compiled.scaler, components.dropout_count, compiled.averages),
            writer,
            HostCopy(components.model),
            FreezeProof(folder / PROOF, *parts),
            _rate_schedule(settings, components, length, history),
            length,
            history,
            monitor,
            place,
            stopping,
            Pruning(trial, monitor, history) if trial else None,
        )

    def end_reason(self) -> str:
        """Return why the run ends before its time; empty: continue."""
        reason = self.place.improvement_reason() if self.place.is_last else ""
        return reason or (self.pruning.reason if self.pruning else "")

    @property
    def plan(self) -> Plan:
        """The plan of the present phase."""
        return self.place.phase.plan

    def of_phase(self) -> "FitContext":
        """Return the context of the present phase, whose rates and averages are in effect."""
        phase, start = self.place.phase, self.place.start
        factor = partial(_phase_factor, phase, start.updates)
        self.rate_schedule.begin_phase(lr_factors(phase.plan), factor)
        return replace(self, components=self.components.of_phase(start.index))

    @property
    def step_counts(self) -> StepCounts:
        """The length for what depends on optimizer steps alone."""
        return StepCounts(self.length.steps, self.length.steps_per_epoch)


def _place(
    settings: Settings,
    components: RunComponents,
    length: RunLength,
    history: History,
    stopping: EarlyStopping,
) -> PhasePlace:
    """Return where a run starts or resumes among its phases."""
    point, adaptive = components.resume_point, components.adaptive
    record = point.checkpoint.phases if point else {}
    parts = components.phases or (Phase("", components.plan),), length, history
    starts = phase_starts(point, parts[0], length.steps_per_epoch)
    if adaptive is None:
        return PhasePlace(*parts, starts, stopping.reason)
    return AdaptivePlace(
        *parts,
        adaptive.rule,
        Monitor.of(settings.evaluation.monitor),
        settings.phases.max_drop,
        adaptive.undo_within,
        starts,
        updates_from_json(record),
        stopping.reason,
    )


def _phase_factor(phase: Phase, start: int, step: int) -> float:
    """Return a phase's own factor on the learning rates of a step of the run."""
    taken = max(step - start, 0)  # a run that resumes asks for the step before
    rise = warmup(taken, phase.warmup_steps, 0.0) if taken < phase.warmup_steps else 1.0
    return phase.lr_factor * rise


def _rate_schedule(
    settings: Settings, components: RunComponents, length: RunLength, history: History
) -> RateSchedule:
    """Return the learning rates of a run, which may depend on what it has monitored so far."""
    counts = StepCounts(length.steps, length.steps_per_epoch)
    parts = components.extras.schedule, components.plan, counts, steps_taken(components, counts)

    def monitored() -> list[tuple[int, float]]:
        series = history.series(settings.evaluation.monitor)
        return [(length.steps_at(progress), value) for progress, value in series]

    return build_rate_schedule(settings, *parts, monitored)


def _history(checkpoint: Checkpoint | None, folder: Path, length: RunLength) -> History:
    """Return the evaluations before a resume; an older trainer wrote them as metrics alone."""
    if checkpoint is None:
        return History()
    rows = checkpoint.history
    if rows is None:
        rows = metrics_jsonl.measurements(folder / METRICS, checkpoint.progress.epochs)
    return History.from_json(rows, length.evaluates_at)
