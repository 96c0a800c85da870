"""Run: a training run from settings to its folder."""

import logging
from pathlib import Path

import mindspore as ms
from mindspore import nn

from trainer import data, files, optimizer, pictures, report, step, weights
from trainer.apply import Applied
from trainer.console import Console
from trainer.errors import FrozenMoved, WeightsNotFinite
from trainer.evaluate import Evaluator, Score
from trainer.loop import Loop, Phase, train
from trainer.metrics import Metrics
from trainer.placement import Placement
from trainer.proof import Guard, Proof
from trainer.settings import Settings
from trainer.setup import Setup
from trainer.signals import Stop
from trainer.snapshots import Snapshots
from trainer.watcher import Watcher, Watchers

log = logging.getLogger(__name__)

MODEL = "model.safetensors"


def run(settings: Settings, setup: Setup, folder: Path, stop: Stop) -> Score:
    """Train, and leave the plan, metrics, snapshots, proof, weights and pictures in ``folder``.

    Raises:
        FrozenMoved, NotFinite, Stopped: see ``trainer.errors``; the folder is complete, but that
            weights that moved or are ruined are not saved as the model.
    """
    files.write_lines(folder / "plan.json", setup.plan.as_json())
    watcher = Watchers(*_watchers(settings, setup, folder))
    ms.set_seed(settings.seed)  # what was probed and built before shall not matter
    save, done = True, False
    try:
        score = train(_loop(settings, setup, watcher, stop), [Phase(setup.plan, settings.epochs)])
        done = True
        return score
    except (FrozenMoved, WeightsNotFinite):
        save = False
        raise
    finally:
        if save:
            weights.write(folder / MODEL, weights.fetch(setup.net))
        watcher.end(done)
        log.info(report.after(folder))


def _watchers(settings: Settings, setup: Setup, folder: Path) -> list[Watcher]:
    """The order matters: the proof fills in what the later ones tell; the guard ends the run."""
    watched: list[Watcher] = [
        Screen(settings, setup, folder),
        Snapshots(folder / "snapshots", settings.snapshot.keep, settings.snapshot.print),
        Proof(folder / "proof.json"),
        Metrics(folder / "metrics.jsonl"),
        pictures.Pictures(folder),
        Console(setup.train.get_dataset_size()),
    ]
    if ms.get_context("device_target") == "CPU":
        watched.append(Placement(settings.device.threads))
    watched.append(Guard())
    return watched


def _loop(settings: Settings, setup: Setup, watcher: Watcher, stop: Stop) -> Loop:
    evaluator = Evaluator(setup.net, setup.loss)
    spec = settings.optimizer.spec()
    return Loop(
        net=setup.net,
        loss=setup.loss,
        optimizer=lambda applied: optimizer.make(spec, applied.trainable, applied.plan),
        scaler=step.scaler(settings.device.loss_scale),
        batches=lambda epoch: data.batches(setup.train, settings.seed, epoch),
        evaluate=lambda: evaluator(data.batches(setup.validation, settings.seed, 0)),
        watcher=watcher,
        stopped=stop,
    )


class Screen(Watcher):
    """Prints what is about to happen, once optimizer and plan are known."""

    def __init__(self, settings: Settings, setup: Setup, folder: Path) -> None:
        self._settings = settings
        self._setup = setup
        self._folder = folder

    def phase(self, applied: Applied, optimizer: nn.Optimizer) -> None:
        """Print the screen."""
        log.info(report.before(self._settings, self._setup, applied.plan, optimizer, self._folder))
