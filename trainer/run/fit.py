"""Fit: a training run, from what it starts from to a finished folder."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import mindspore as ms

from trainer.artifacts import manifest, run_result
from trainer.artifacts.run_result import Moment, RunResult
from trainer.callbacks import freeze_proof, metrics_jsonl
from trainer.callbacks.metrics_jsonl import Record
from trainer.callbacks.pruning import TrialInfo
from trainer.checkpoint import class_names, class_weights
from trainer.checkpoint.resume import ResumePoint
from trainer.config import schema
from trainer.config.schema import Settings
from trainer.core import atomic_files, format_version
from trainer.core.errors import BadData, NotFinite, Stopped, WeightsNotFinite
from trainer.core.run_files import INITIAL, METRICS, PROOF
from trainer.core.signals import StopFlag
from trainer.engine.callback import RunInfo
from trainer.engine.ema import WeightAverages
from trainer.engine.loop import train
from trainer.engine.progress import Progress
from trainer.metrics.monitor import Monitor
from trainer.run import final_weights, plan_record, summary
from trainer.run.build_callbacks import build_callbacks
from trainer.run.components import RunComponents
from trainer.run.fit_context import FitContext
from trainer.run.graph_reuse import GraphPool
from trainer.run.run_phases import RunPhases

log = logging.getLogger(__name__)
file_log = logging.getLogger(f"{__name__}.table")


def fit(
    settings: Settings,
    components: RunComponents,
    folder: Path,
    stop: StopFlag,
    pool: GraphPool,
    trial: TrialInfo | None = None,
) -> RunResult | None:
    """Train, and write the run's folder; return how it ended, None on ranks that write nothing.

    Args:
        settings: of the run.
        components: what it starts from.
        folder: where everything is written; a run that is resumed has begun in it.
        stop: returns why to stop, if so.
        pool: the graphs that earlier runs of this process were compiled into.
        trial: of a search that may prune it; None: the run is none.

    Raises:
        FrozenMoved, NotFinite, Stopped: the folder is complete, except for such weights.
        CannotWrite: something is missing in the folder; what is there is complete.
    """
    compiled = pool.acquire(settings, components)
    context = FitContext.of(settings, compiled, folder, trial)
    _write_start(context)
    callbacks = build_callbacks(context, compiled, shares_process=pool.runs > 1)
    result = _train(context, RunPhases(context, compiled, callbacks, stop))
    if context.world.world_size == 1 and len(context.place.phases) == 1:
        pool.release(compiled)
    return result


def _train(context: FitContext, phases: RunPhases) -> RunResult | None:
    """Train, and tell the callbacks how it ended."""
    averages = phases.averages
    ms.set_seed(context.settings.seed)  # it does not matter what was built and tried before
    finished, folder, is_main = False, context.folder, context.world.is_main
    try:
        with _weights_so_far(context, averages) if is_main else nullcontext():
            end = _train_phases(context, phases)
        result = final_weights.write(context, averages, end) if is_main else None
        if reason := context.end_reason():
            log.info(reason)
        finished = True
        return result
    finally:
        phases.close()
        phases.callbacks.on_run_end(finished)
        if context.world.is_main:
            log.info(summary.end_summary(folder))
            file_log.info("files\n%s", summary.end_details(folder))


def _write_start(context: FitContext) -> None:
    if not context.world.is_main:
        return
    folder, components = context.folder, context.components
    atomic_files.clear_partial(folder)
    plan_record.write(folder, context.place)
    if components.class_weights:
        class_weights.write(folder, components.class_weights)
    if components.class_names:
        class_names.write(folder, components.class_names)
    if components.provenance:
        atomic_files.write_lines(
            folder / INITIAL, format_version.stamp(components.provenance.as_json())
        )


def _train_phases(context: FitContext, phases: RunPhases) -> Progress:
    settings, submit, point = (
        context.settings,
        context.writer.submit,
        context.components.resume_point,
    )
    callbacks = phases.callbacks
    callbacks.on_run_start(RunInfo(context.folder, settings.plain(), submit))
    if point is not None:
        callbacks.on_resume(point.progress.epochs)
    context.world.gather(None)  # all ranks have read what the first is about to change
    end = train(phases.loop, context.place, phases.load_weights)
    context.writer.wait()  # a run of which something could not be written is not finished
    return end


@contextmanager
def _weights_so_far(context: FitContext, averages: WeightAverages | None) -> Iterator[None]:
    """Write the weights of a run that ends too soon, if none that is frozen moved."""
    try:
        yield
    except WeightsNotFinite:
        raise
    except (Stopped, NotFinite, BadData):
        weights, proof = final_weights.weights_of(context), context.proof
        if proof.has_reference and not proof.moved(context.plan, weights):
            final_weights.write_so_far(context, weights, averages)
        raise


def finished(settings: Settings, point: ResumePoint, folder: Path) -> RunResult | None:
    """Return the result of a finished run with these settings; None: it resumes.

    Raises:
        ConfigError: a run cannot resume from its records; nothing has been written.
    """
    checkpoint = point.checkpoint
    freeze_proof.read(folder / PROOF, checkpoint)
    records, sealed = metrics_jsonl.read(folder / METRICS), manifest.read(folder)
    if not records or sealed is None or not sealed.done:
        return None
    recorded = schema.read(checkpoint.settings)[0]  # an older version's lacks today's keys
    same = atomic_files.plain(recorded.plain()) == atomic_files.plain(settings.plain())
    result = run_result.read(folder) or _result_of_older(settings, records[-1])
    end = Moment(checkpoint.progress.epochs, checkpoint.progress.steps)
    return result if same and result.end == end else None


def _result_of_older(settings: Settings, last: Record) -> RunResult:
    """Return the result of a run whose trainer wrote none."""
    monitor, end = Monitor.of(settings.evaluation.monitor), Moment(settings.epochs)
    value = metrics_jsonl.values(last).get(monitor.name)
    return RunResult("epochs", "", end, end, monitor.name, monitor.mode, value)
