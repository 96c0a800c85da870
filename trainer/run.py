"""Run: a training run from settings to its folder."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import mindspore as ms
from mindspore import Parameter, nn

from trainer import (
    assembly,
    checkpoint,
    files,
    layout,
    manifest,
    metrics,
    pictures,
    proof,
    report,
    restore,
    saver,
    tensors,
    weights,
    world,
)
from trainer.agreement import Agreement
from trainer.apply import Applied
from trainer.checkpoint import Checkpoint
from trainer.console import Console
from trainer.costs import Costs
from trainer.errors import NotFinite, Stopped, WeightsNotFinite
from trainer.folder import CHECKPOINTS, COSTS, INITIAL, METRICS, MODEL, PLAN, PROOF, SNAPSHOTS
from trainer.guard import Guard
from trainer.loop import Phase, train
from trainer.metrics import Metrics, Record
from trainer.placement import Placement
from trainer.progress import Progress
from trainer.proof import Proof
from trainer.resume import Point
from trainer.saver import Saver
from trainer.score import Score
from trainer.seal import Seal
from trainer.selection import expanded
from trainer.settings import Settings
from trainer.setup import Setup
from trainer.sharing import Graphs
from trainer.signals import Stop
from trainer.snapshots import Snapshots
from trainer.tensors import Weights
from trainer.watcher import Watcher, Watchers
from trainer.weights import Mirror
from trainer.writer import Writer

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
        FrozenMoved, NotFinite, Stopped: see ``trainer.errors``; the folder is complete, but for the
            weights that moved or are ruined.
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
    loop = assembly.loop(settings, compiled, watcher, stop, extra, mirror)
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
            log.info(report.after(folder))


def _write_start(folder: Path, setup: Setup) -> None:
    files.clear_partial(folder)
    files.write_lines(folder / PLAN, setup.plan.as_json())
    if setup.initial:
        files.write_lines(folder / INITIAL, setup.initial.as_json())


def finished(settings: Settings, point: Point, folder: Path) -> Record | None:
    """Return the last epoch's metrics of a run that is done, with these settings; None: it goes on.

    Raises:
        Mistake: its records are not such as one can go on with; nothing has been written.
    """
    resumed = point.checkpoint
    proof.read(folder / PROOF, resumed)
    records, sealed = metrics.read(folder / METRICS), manifest.read(folder)
    done = sealed is not None and sealed.done and resumed.progress.epochs == settings.epochs
    same = resumed.settings == files.plain(settings.plain())
    return records[-1] if records and done and same else None


@contextmanager
def _model_left(folder: Path, setup: Setup, proven: Proof) -> Iterator[None]:
    """Write the weights when training is over, but for those that moved or are ruined."""
    try:
        yield
    except WeightsNotFinite:
        raise
    except (Stopped, NotFinite):
        if not proven.moved(setup.plan, weights.fetch(setup.net)):
            tensors.write(folder / MODEL, weights.fetch(setup.net))
        raise
    tensors.write(folder / MODEL, weights.fetch(setup.net))


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
    shown = expanded(settings.snapshot.print, layout.read(setup.net))
    watched: list[Watcher] = [
        Screen(settings, setup, folder),
        Snapshots(folder / SNAPSHOTS, settings.snapshot, shown, writer.give),
        proven,
        Metrics(folder / METRICS, writer.give),
        pictures.Pictures(folder),
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


def _checkpoint_maker(settings: Settings, setup: Setup, proven: Proof) -> saver.Make:
    batches = setup.train.get_dataset_size()
    chosen, plan = settings.plain(), files.plain(setup.plan.as_json())
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
        log.info(report.before(self._settings, self._setup, applied.plan, optimizer, self._folder))
