"""Callbacks of a run, in the order in which each event reaches them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import mindspore as ms
from mindspore import nn

from trainer.backend.graph import module_tree
from trainer.callbacks import model_checkpoint
from trainer.callbacks.console import Console
from trainer.callbacks.cpu_affinity import CpuAffinity
from trainer.callbacks.data_manifest_writer import DataManifestWriter
from trainer.callbacks.freeze_guard import FreezeGuard
from trainer.callbacks.history_recorder import HistoryRecorder
from trainer.callbacks.learning_rate_monitor import LearningRateMonitor
from trainer.callbacks.manifest_writer import ManifestWriter
from trainer.callbacks.metrics_jsonl import MetricsJsonl
from trainer.callbacks.model_checkpoint import ModelCheckpoint
from trainer.callbacks.plots import Plots
from trainer.callbacks.rank_consistency import RankConsistency
from trainer.callbacks.run_costs import CostsRecorder
from trainer.callbacks.skipped_samples import SkippedSamples
from trainer.callbacks.snapshots import Snapshots
from trainer.callbacks.stage_updates import StageUpdates
from trainer.callbacks.trainability import Trainability
from trainer.checkpoint import checkpoint
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.config.instantiate import instantiate_target
from trainer.core import atomic_files
from trainer.core.errors import ConfigError
from trainer.core.run_files import CHECKPOINTS, COSTS, METRICS, SNAPSHOTS
from trainer.core.tensors import Weights
from trainer.engine.adaptive_place import AdaptivePlace
from trainer.engine.callback import Callback, CallbackList
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.selection import expand_all
from trainer.run import learning_rate, summary
from trainer.run.fit_context import FitContext
from trainer.run.graph_reuse import CompiledRun
from trainer.run.phase_report import PhaseReport

log = logging.getLogger(__name__)
file_log = logging.getLogger(f"{__name__}.table")


def build_callbacks(
    context: FitContext, compiled: CompiledRun, shares_process: bool
) -> CallbackList:
    """Return the callbacks of a run.

    The order matters: the proof fills in what later ones report, the guard ends the run before a
    checkpoint is saved, and the manifest is written last.

    Args:
        context: of the run.
        compiled: what it trains with.
        shares_process: whether other runs have trained in this process before.
    """
    ranks: list[Callback] = []
    if context.world.world_size > 1:
        ranks = [RankConsistency(context.world, context.extra)]
    history = _history(context)
    if not context.world.is_main:
        return CallbackList(context.writer, context.proof, *history, *ranks, FreezeGuard())
    reuses_step = compiled.step is not None and not context.components.cache_decision.storable
    costs = CostsRecorder(context.folder / COSTS, reuses_step, shares_process)
    start = StartSummary(context), PhaseReport(context.folder, context.place)
    first = [context.writer, *start, _snapshots(context), context.proof, *history]
    last = [FreezeGuard(), _model_checkpoint(context), costs, *_data_records(context)]
    last.append(ManifestWriter(context.folder))
    return CallbackList(*first, *_reports(context), *_cpu_affinity(context), *ranks, *last)


def _history(context: FitContext) -> list[Callback]:
    """Return what records that on which decisions depend."""
    history: list[Callback] = [HistoryRecorder(context.history)]
    if context.pruning is not None:
        history.append(context.pruning)
    if isinstance(context.place, AdaptivePlace):
        parts = context.place, context.rate_schedule, context.length
        history.append(StageUpdates(context.folder, *parts))
    return history


def _data_records(context: FitContext) -> list[Callback]:
    """Return what records the files of the data, and samples that were left out."""
    components = context.components
    parts = {"train": components.train, "validation": components.validation}
    parts |= {"test": components.test}
    sources = {name: part for name, part in parts.items() if part is not None}
    return [
        DataManifestWriter(context.folder, {name: s.origin for name, s in sources.items()}),
        SkippedSamples(context.folder, {name: s.skipped for name, s in sources.items()}),
    ]


def _reports(context: FitContext) -> list[Callback]:
    """Return what reports how a run goes, the callbacks of the settings last."""
    submit = context.writer.submit
    return [
        LearningRateMonitor(context.rate_schedule),
        MetricsJsonl(context.folder / METRICS, submit, context.history, context.monitor),
        Plots(context.folder),
        Trainability(),
        Console(context.length, submit),
        *context.components.extras.callbacks,
    ]


def build_callback(key: str, spec: dict[str, Any]) -> Callback:
    """Return a callback of the settings.

    Raises:
        ConfigError: the target does not exist, refused its arguments, or is no callback.
    """
    callback = instantiate_target(key, spec)
    if not isinstance(callback, Callback):
        received = type(callback).__name__
        expected = "expected a trainer.engine.callback.Callback"
        raise ConfigError([f"{key}: {expected}, received a {received}"])
    return callback


class StartSummary(Callback):
    """Prints what is about to happen, once optimizer and plan are known."""

    def __init__(self, context: FitContext) -> None:
        self._context = context
        self._is_printed = False

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """Print the screen, once."""
        context, plan = self._context, applied.plan
        if self._is_printed:
            return
        self._is_printed = True
        parts = context.settings, context.components, plan, optimizer, context.folder
        rates = context.rate_schedule, context.step_counts
        rows = learning_rate.schedule_row(context.settings, *rates)
        rows += learning_rate.jump_row(context.settings, context.components, *rates)
        log.info(summary.start_summary(*parts, rows))
        file_log.info("plan\n%s", summary.start_details(context.settings, plan, optimizer))


def _snapshots(context: FitContext) -> Snapshots:
    tree = module_tree.describe(context.components.model)
    printed = expand_all(context.settings.snapshot.print, tree)
    path, submit = context.folder / SNAPSHOTS, context.writer.submit
    return Snapshots(path, context.settings.snapshot, printed, submit)


def _cpu_affinity(context: FitContext) -> list[Callback]:
    """Return what places the main thread; nothing for several ranks, which would share one core."""
    if ms.get_context("device_target") != "CPU" or context.world.world_size > 1:
        return []
    device, components = context.settings.device, context.components
    # Placements are compared by single steps, so each step has to be timed.
    mode = "free" if device.threads == "auto" and device.fetch_every > 1 else device.threads
    steps_to_skip = components.train.batch_count if components.cache_decision.storable else 0
    return [CpuAffinity(mode, steps_to_skip)]


def _model_checkpoint(context: FitContext) -> ModelCheckpoint:
    point = context.components.resume_point
    return ModelCheckpoint(
        context.folder / CHECKPOINTS,
        context.settings.checkpoint,
        context.proof,
        context.extra,
        _checkpoint_maker(context),
        context.writer,
        context.host_copy,
        context.history,
        context.bank,
        point.checkpoint.name if point else "",
    )


def _checkpoint_maker(context: FitContext) -> model_checkpoint.Make:
    components, proof = context.components, context.proof
    batches = components.train.batch_count
    settings = context.settings.plain()
    versions = checkpoint.versions()
    plain = cache(lambda plan: atomic_files.plain(plan.as_json()))

    def prepare(
        progress: Progress, weights: Weights, state: Weights, history: Sequence[Mapping[str, Any]]
    ) -> Callable[[], Checkpoint]:
        plan, known, place = context.plan, proof.hashes, context.place
        facts = plain(plan), settings, batches, versions, components.data, history
        phases = place.as_json() if len(place.phases) > 1 else {}

        def make() -> Checkpoint:  # later: the proof hashes first
            hashes = {name: known[name] for name in plan.names("frozen")}
            return Checkpoint(progress, weights, state, hashes, *facts, phases)

        return make

    return prepare
