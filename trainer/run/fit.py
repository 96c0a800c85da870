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
from trainer.backend.host_copy import Mirror
from trainer.callbacks import freeze_proof, metrics_jsonl, model_checkpoint, plots
from trainer.callbacks.background_writer import Writer
from trainer.callbacks.console import Console
from trainer.callbacks.cpu_affinity import Placement
from trainer.callbacks.freeze_guard import Guard
from trainer.callbacks.freeze_proof import Proof
from trainer.callbacks.manifest_writer import Seal
from trainer.callbacks.metrics_jsonl import Metrics, Record
from trainer.callbacks.model_checkpoint import Saver
from trainer.callbacks.rank_consistency import Agreement
from trainer.callbacks.run_costs import Costs
from trainer.callbacks.snapshots import Snapshots
from trainer.checkpoint import checkpoint, restore
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.checkpoint.resume import Point
from trainer.config.schema import Settings
from trainer.core import atomic_files, tensors
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
from trainer.core.signals import Stop
from trainer.core.tensors import Weights
from trainer.distributed import world
from trainer.engine.callback import Watcher, Watchers
from trainer.engine.loop import Phase, train
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import Applied
from trainer.freezing.selection import expanded
from trainer.metrics.evaluator import Score
from trainer.run import build_loop, summary
from trainer.run.graph_reuse import Graphs
from trainer.run.setup import Setup

log = logging.getLogger(__name__)


def run(
    settings: Settings, setup: Setup, folder: Path, stop: Stop, graphs: Graphs | None = None
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
    here, graphs = world.current(), graphs or Graphs()
    if here.leads:
        _write_start(folder, setup)
    compiled = graphs.take(settings, setup)
    setup = compiled.setup
    extra = restore.extra(compiled.scaler, setup.drawn)
    writer, mirror = Writer(), Mirror(setup.net)
    resumed = setup.resumed.checkpoint if setup.resumed else None
    proven = Proof(folder / PROOF, resumed, here, writer.give)
    costs = Costs(folder / COSTS, compiled.step is not None, graphs.runs > 1)
    watched = _watchers(settings, setup, folder, proven, extra, writer, mirror)
    watcher = Watchers(writer, *watched, *([costs, Seal(folder)] if here.leads else []))
    ms.set_seed(settings.seed)  # what was probed and built before shall not matter
    loop = build_loop.loop(settings, compiled, watcher, stop, extra, mirror)
    done = False
    try:
        with _model_left(folder, setup, proven) if here.leads else nullcontext():
            if loop.start is not None:
                watcher.resume(loop.start.epochs)
            here.gather(None)  # all have read what the first one is about to change
            score = train(loop, [Phase(setup.plan, settings.epochs)])
            writer.wait()  # nothing is done of which something could not be written
        done = True
        if here.ranks == 1:
            graphs.keep(compiled)
        return score
    finally:
        watcher.end(done)
        if here.leads:
            log.info(summary.after(folder))


def _write_start(folder: Path, setup: Setup) -> None:
    atomic_files.clear_partial(folder)
    atomic_files.write_lines(folder / PLAN, setup.plan.as_json())
    if setup.initial:
        atomic_files.write_lines(folder / INITIAL, setup.initial.as_json())


def finished(settings: Settings, point: Point, folder: Path) -> Record | None:
    """Return the last epoch's metrics of a run that is done, with these settings; None: it goes on.

    Raises:
        Mistake: its records are not such as one can go on with; nothing has been written.
    """
    resumed = point.checkpoint
    freeze_proof.read(folder / PROOF, resumed)
    records, sealed = metrics_jsonl.read(folder / METRICS), manifest.read(folder)
    done = sealed is not None and sealed.done and resumed.progress.epochs == settings.epochs
    same = resumed.settings == atomic_files.plain(settings.plain())
    return records[-1] if records and done and same else None


@contextmanager
def _model_left(folder: Path, setup: Setup, proven: Proof) -> Iterator[None]:
    """Write the weights when training is over, but for those that moved or are ruined."""
    try:
        yield
    except WeightsNotFinite:
        raise
    except (Stopped, NotFinite):
        if not proven.moved(setup.plan, host_copy.fetch(setup.net)):
            tensors.write(folder / MODEL, host_copy.fetch(setup.net))
        raise
    tensors.write(folder / MODEL, host_copy.fetch(setup.net))


def _watchers(
    settings: Settings,
    setup: Setup,
    folder: Path,
    proven: Proof,
    extra: Mapping[str, Parameter],
    writer: Writer,
    mirror: Mirror,
) -> list[Watcher]:
    """The order matters: the proof fills in what the later ones tell; the guard ends the run."""
    here = world.current()
    together: list[Watcher] = [Agreement(here, extra)] if here.ranks > 1 else []
    if not here.leads:
        return [proven, *together, Guard()]
    shown = expanded(settings.snapshot.print, module_tree.read(setup.net))
    watched: list[Watcher] = [
        Screen(settings, setup, folder),
        Snapshots(folder / SNAPSHOTS, settings.snapshot, shown, writer.give),
        proven,
        Metrics(folder / METRICS, writer.give),
        plots.Pictures(folder),
        Console(setup.train.get_dataset_size(), writer.give),
    ]
    timed = settings.device.fetch_every == 1  # each step for itself, so that two can be compared
    if ms.get_context("device_target") == "CPU" and here.ranks == 1:  # ranks would take one core
        mode = settings.device.threads if timed or settings.device.threads != "auto" else "free"
        filling = setup.train.get_dataset_size() if setup.choice.storable else 0
        watched.append(Placement(mode, filling))
    make = _checkpoint_maker(settings, setup, proven)
    after = setup.resumed.checkpoint.name if setup.resumed else ""
    when = settings.checkpoint
    kept = Saver(folder / CHECKPOINTS, when, proven, extra, make, writer, mirror, after)
    return [*watched, *together, Guard(), kept]


def _checkpoint_maker(settings: Settings, setup: Setup, proven: Proof) -> model_checkpoint.Make:
    batches = setup.train.get_dataset_size()
    chosen, plan = settings.plain(), atomic_files.plain(setup.plan.as_json())
    computing = checkpoint.versions()
    frozen = setup.plan.names("frozen")

    def make(progress: Progress, copied: Weights, state: Weights) -> Checkpoint:
        hashes = {name: proven.hashes[name] for name in frozen}
        return Checkpoint(progress, copied, state, hashes, plan, chosen, batches, computing)

    return make


class Screen(Watcher):
    """Prints what is about to happen, once optimizer and plan are known."""

    def __init__(self, settings: Settings, setup: Setup, folder: Path) -> None:
        self._settings = settings
        self._setup = setup
        self._folder = folder

    def phase(self, applied: Applied, optimizer: nn.Optimizer) -> None:
        """Print the screen."""
        log.info(summary.before(self._settings, self._setup, applied.plan, optimizer, self._folder))
