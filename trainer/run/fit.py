"""Run: a training run from settings to its folder."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import mindspore as ms
from mindspore import Parameter, nn

from trainer.artifacts import manifest
from trainer.backend import host_copy
from trainer.backend.graph import module_tree
from trainer.backend.host_copy import HostCopy
from trainer.callbacks import freeze_proof, metrics_jsonl, model_checkpoint, plots
from trainer.callbacks.background_writer import BackgroundWriter
from trainer.callbacks.console import Console
from trainer.callbacks.cpu_affinity import CpuAffinity
from trainer.callbacks.freeze_guard import FreezeGuard
from trainer.callbacks.freeze_proof import FreezeProof
from trainer.callbacks.manifest_writer import ManifestWriter
from trainer.callbacks.metrics_jsonl import MetricsJsonl, Record
from trainer.callbacks.model_checkpoint import ModelCheckpoint
from trainer.callbacks.rank_consistency import RankConsistency
from trainer.callbacks.run_costs import CostsRecorder
from trainer.callbacks.snapshots import Snapshots
from trainer.checkpoint import checkpoint, restore
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.checkpoint.resume import ResumePoint
from trainer.config.schema import Settings
from trainer.core import atomic_files, format_version, tensors
from trainer.core.errors import NotFinite, Stopped, WeightsNotFinite
from trainer.core.run_files import (
    CHECKPOINTS,
    COSTS,
    INITIAL,
    METRICS,
    MODEL,
    PLAN,
    PROOF,
    SNAPSHOTS,
)
from trainer.core.signals import StopFlag
from trainer.core.tensors import Weights
from trainer.distributed import world
from trainer.engine.callback import Callback, CallbackList
from trainer.engine.loop import Phase, train
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.selection import expand_all
from trainer.metrics.evaluator import Score
from trainer.run import build_loop, summary
from trainer.run.graph_reuse import GraphPool
from trainer.run.setup import RunComponents

log = logging.getLogger(__name__)


def fit(
    settings: Settings,
    setup: RunComponents,
    folder: Path,
    stop: StopFlag,
    graphs: GraphPool | None = None,
) -> Score:
    """Train, and leave plan, metrics, snapshots, proof, checkpoints, weights and pictures behind.

    Args:
        settings: of the run.
        setup: what it starts from.
        folder: where everything goes; a run that is resumed has begun in it.
        stop: tells why to stop, if so.
        graphs: what the runs before in this process were compiled into.

    Raises:
        FrozenMoved, NotFinite, Stopped: see ``trainer.core.errors``; the folder is complete, but
            for the weights that moved or are ruined.
        CannotWrite: something is missing in the folder; what is there is whole.
    """
    here, graphs = world.current(), graphs or GraphPool()
    if here.is_main:
        _write_start(folder, setup)
    compiled = graphs.acquire(settings, setup)
    setup = compiled.components
    extra = restore.extra(compiled.scaler, setup.dropout_count)
    writer, mirror = BackgroundWriter(), HostCopy(setup.model)
    resumed = setup.resume_point.checkpoint if setup.resume_point else None
    proven = FreezeProof(folder / PROOF, resumed, here, writer.submit)
    costs = CostsRecorder(folder / COSTS, compiled.step is not None, graphs.runs > 1)
    watched = _watchers(settings, setup, folder, proven, extra, writer, mirror)
    watcher = CallbackList(
        writer, *watched, *([costs, ManifestWriter(folder)] if here.is_main else [])
    )
    ms.set_seed(settings.seed)  # what was probed and built before shall not matter
    loop = build_loop.build_loop(settings, compiled, watcher, stop, extra, mirror)
    done = False
    try:
        with _model_left(folder, setup, proven) if here.is_main else nullcontext():
            if loop.start is not None:
                watcher.on_resume(loop.start.epochs)
            here.gather(None)  # all have read what the first one is about to change
            score = train(loop, [Phase(setup.plan, settings.epochs)])
            writer.wait()  # nothing is done of which something could not be written
        done = True
        if here.world_size == 1:
            graphs.release(compiled)
        return score
    finally:
        watcher.on_run_end(done)
        if here.is_main:
            log.info(summary.end_summary(folder))


def _write_start(folder: Path, setup: RunComponents) -> None:
    atomic_files.clear_partial(folder)
    atomic_files.write_lines(folder / PLAN, format_version.stamp(setup.plan.as_json()))
    if setup.provenance:
        atomic_files.write_lines(folder / INITIAL, format_version.stamp(setup.provenance.as_json()))


def finished(settings: Settings, point: ResumePoint, folder: Path) -> Record | None:
    """Return the last epoch's metrics of a run that is done, with these settings; None: it goes on.

    Raises:
        ConfigError: its records are not such as one can go on with; nothing has been written.
    """
    resumed = point.checkpoint
    freeze_proof.read(folder / PROOF, resumed)
    records, sealed = metrics_jsonl.read(folder / METRICS), manifest.read(folder)
    done = sealed is not None and sealed.done and resumed.progress.epochs == settings.epochs
    same = resumed.settings == atomic_files.plain(settings.plain())
    return records[-1] if records and done and same else None


@contextmanager
def _model_left(folder: Path, setup: RunComponents, proven: FreezeProof) -> Iterator[None]:
    """Write the weights when training is over, but for those that moved or are ruined."""
    try:
        yield
    except WeightsNotFinite:
        raise
    except (Stopped, NotFinite):
        if not proven.moved(setup.plan, host_copy.to_numpy(setup.model)):
            tensors.write(folder / MODEL, host_copy.to_numpy(setup.model))
        raise
    tensors.write(folder / MODEL, host_copy.to_numpy(setup.model))


def _watchers(
    settings: Settings,
    setup: RunComponents,
    folder: Path,
    proven: FreezeProof,
    extra: Mapping[str, Parameter],
    writer: BackgroundWriter,
    mirror: HostCopy,
) -> list[Callback]:
    """The order matters: the proof fills in what the later ones tell; the guard ends the run."""
    here = world.current()
    together: list[Callback] = [RankConsistency(here, extra)] if here.world_size > 1 else []
    if not here.is_main:
        return [proven, *together, FreezeGuard()]
    shown = expand_all(settings.snapshot.print, module_tree.describe(setup.model))
    watched: list[Callback] = [
        StartSummary(settings, setup, folder),
        Snapshots(folder / SNAPSHOTS, settings.snapshot, shown, writer.submit),
        proven,
        MetricsJsonl(folder / METRICS, writer.submit),
        plots.Plots(folder),
        Console(setup.train.get_dataset_size(), writer.submit),
    ]
    timed = settings.device.fetch_every == 1  # each step for itself, so that two can be compared
    if (
        ms.get_context("device_target") == "CPU" and here.world_size == 1
    ):  # ranks would take one core
        mode = settings.device.threads if timed or settings.device.threads != "auto" else "free"
        filling = setup.train.get_dataset_size() if setup.cache_decision.storable else 0
        watched.append(CpuAffinity(mode, filling))
    make = _checkpoint_maker(settings, setup, proven)
    after = setup.resume_point.checkpoint.name if setup.resume_point else ""
    when = settings.checkpoint
    kept = ModelCheckpoint(folder / CHECKPOINTS, when, proven, extra, make, writer, mirror, after)
    return [*watched, *together, FreezeGuard(), kept]


def _checkpoint_maker(
    settings: Settings, setup: RunComponents, proven: FreezeProof
) -> model_checkpoint.Make:
    batches = setup.train.get_dataset_size()
    chosen, plan = settings.plain(), atomic_files.plain(setup.plan.as_json())
    computing = checkpoint.versions()
    frozen = setup.plan.names("frozen")

    def make(progress: Progress, copied: Weights, state: Weights) -> Checkpoint:
        hashes = {name: proven.hashes[name] for name in frozen}
        return Checkpoint(progress, copied, state, hashes, plan, chosen, batches, computing)

    return make


class StartSummary(Callback):
    """Prints what is about to happen, once optimizer and plan are known."""

    def __init__(self, settings: Settings, setup: RunComponents, folder: Path) -> None:
        self._settings = settings
        self._setup = setup
        self._folder = folder

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """Print the screen."""
        log.info(
            summary.start_summary(
                self._settings, self._setup, applied.plan, optimizer, self._folder
            )
        )
