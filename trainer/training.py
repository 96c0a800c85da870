"""Training: one run in its folder, begun, gone on with, or left as it is if it is done."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from trainer import entry, files, lock, logs, overrides, settings, status
from trainer.errors import Mistake
from trainer.folder import CONFIG, HYDRA, LOG, MANIFEST, OVERRIDES
from trainer.resume import Request
from trainer.settings import Settings
from trainer.signals import Stop

if TYPE_CHECKING:
    from trainer.setup import Setup
    from trainer.sharing import Graphs

log = logging.getLogger(__name__)


def train(
    config: DictConfig,
    asked: Request,
    stop: Stop,
    prepared: "tuple[Settings, Setup] | None" = None,
    graphs: "Callable[[], Graphs] | None" = None,
) -> float | None:
    """Train in the folder that Hydra has made; return the accuracy, for sweeps to go by.

    Args:
        config: the whole configuration of the run.
        asked: what the command line asks for.
        stop: tells why to stop, if so.
        prepared: what has been made of the configuration already.
        graphs: gives the compiled graphs of the runs before in this process.

    Raises:
        Ending: how the run ends, if not well.
    """
    own = HydraConfig.get()
    folder = Path(own.runtime.output_dir)
    if not os.access(folder, os.W_OK):
        raise Mistake([no_folder(str(folder), "it is not writable")])
    with lock.held(folder):
        stale = prepared and prepared[1].resumed is None and (folder / HYDRA).exists()
        if prepared is None or stale:  # a run has begun in the folder since it was looked at
            prepared = entry.make(overrides.plain(config), replace(asked, folder=folder))
        chosen, setup = prepared
        assert chosen == settings.read(overrides.plain(config))[0], "Hydra composed something else"
        from trainer import run  # imports MindSpore, for which the device is set by now

        if setup.resumed is None:
            _claim(folder)
        elif done := run.finished(chosen, setup.resumed.checkpoint, folder):
            log.info("done already: all %d epochs are trained; left as it is", chosen.epochs)
            return done.get("accuracy")
        with lock.held(folder):
            files.remove([folder / MANIFEST])  # first, for what it lists is to change
            _record_configuration(config, folder)
            stop.within(chosen.max_minutes)
            with logs.to_file(folder / LOG), status.kept(folder):
                return run.run(chosen, setup, folder, stop, graphs and graphs()).accuracy


def _claim(folder: Path) -> None:
    """Take a folder for a run from the start: a new one, or one whose run saved no checkpoint.

    Raises:
        Mistake: another process was faster.
    """
    try:
        (folder / HYDRA).mkdir(exist_ok=lock.is_held(folder))
    except FileExistsError:
        raise Mistake([no_folder(str(folder), "another run has begun in it")]) from None


def _record_configuration(config: DictConfig, folder: Path) -> None:
    """Write what Hydra would have written before any mistake was looked for."""
    own = HydraConfig.get()
    files.write_text(folder / CONFIG, OmegaConf.to_yaml(config))
    files.write_text(folder / ".hydra/hydra.yaml", OmegaConf.to_yaml({"hydra": own}))
    files.write_text(folder / OVERRIDES, OmegaConf.to_yaml(own.overrides.task))


def no_folder(name: str, why: str | None) -> str:
    """Return the problem of a folder that no run can be written in."""
    return f"hydra.run.dir: expected a new folder to write in, received {name} ({why})"
