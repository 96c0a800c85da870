"""Training: one run in its folder, begun, gone on with, or left as it is if it is done."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from trainer.artifacts import status
from trainer.checkpoint.resume import ResumeRequest
from trainer.config import overrides, schema
from trainer.config.schema import Settings
from trainer.core import atomic_files, file_lock, log_handlers
from trainer.core.errors import ConfigError
from trainer.core.run_files import CONFIG, HYDRA, LOG, MANIFEST, OVERRIDES
from trainer.core.signals import StopFlag
from trainer.distributed import rendezvous, world
from trainer.run import configure, multi_rank

if TYPE_CHECKING:
    from trainer.run.graph_reuse import GraphPool
    from trainer.run.setup import RunComponents

log = logging.getLogger(__name__)


def train(
    config: DictConfig,
    asked: ResumeRequest,
    stop: StopFlag,
    prepared: "tuple[Settings, RunComponents] | None" = None,
    graphs: "Callable[[], GraphPool] | None" = None,
) -> float | None:
    """Train in the folder that Hydra has made; return the accuracy, for sweeps to go by.

    Args:
        config: the whole configuration of the run.
        asked: what the command line asks for.
        stop: tells why to stop, if so.
        prepared: what has been made of the configuration already.
        graphs: gives the compiled graphs of the runs before in this process.

    Raises:
        TrainerExit: how the run ends, if not well.
    """
    own = HydraConfig.get()
    folder = Path(own.runtime.output_dir)
    if not os.access(folder, os.W_OK):
        raise ConfigError([unusable_folder(str(folder), "it is not writable")])
    plain = overrides.plain(config)
    if multi_rank.starts_ranks(plain):
        return multi_rank.start_ranks(plain, own.overrides.task, asked, folder, stop)
    multi_rank.join(plain, replace(asked, folder=folder))
    here = world.current()
    with file_lock.lock_run(folder if here.is_main else None), multi_rank.log_to_rank_file(folder):
        stale = here.from_main(lambda: prepared is not None and _has_begun(prepared[1], folder))
        if prepared is None or stale:  # a run has begun in the folder since it was looked at
            now = replace(asked, folder=folder)
            prepared = here.all_or_raise(
                lambda: configure.run_from_config(plain, now, rendezvous.problems(plain))
            )
        chosen, setup = prepared
        assert chosen == schema.read(plain)[0], "Hydra composed something else"
        from trainer.run import fit  # imports MindSpore, for which the device is set by now

        if setup.resume_point is None:
            here.from_main(lambda: _claim(folder))
        elif done := here.from_main(partial(fit.finished, chosen, setup.resume_point, folder)):
            log.info("done already: all %d epochs are trained; left as it is", chosen.epochs)
            return done.get("accuracy")
        with file_lock.lock_run(folder if here.is_main else None):
            here.from_main(lambda: _begin(config, folder))
            stop.set_time_limit(chosen.max_minutes)
            with _recorded(folder) if here.is_main else nullcontext(), multi_rank.exit_together():
                return fit.fit(chosen, setup, folder, stop, graphs and graphs()).accuracy


@contextmanager
def _recorded(folder: Path) -> Iterator[None]:
    """Keep the run's log and status, which one process does for all ranks."""
    with log_handlers.log_to_file(folder / LOG), status.kept(folder):
        yield


def _has_begun(setup: "RunComponents", folder: Path) -> bool:
    return setup.resume_point is None and (folder / HYDRA).exists()


def _begin(config: DictConfig, folder: Path) -> None:
    atomic_files.remove([folder / MANIFEST])  # first, for what it lists is to change
    _record_configuration(config, folder)


def _claim(folder: Path) -> None:
    """Take a folder for a run from the start: a new one, or one whose run saved no checkpoint.

    Raises:
        ConfigError: another process was faster.
    """
    try:
        (folder / HYDRA).mkdir(exist_ok=file_lock.is_held(folder))
    except FileExistsError:
        raise ConfigError([unusable_folder(str(folder), "another run has begun in it")]) from None


def _record_configuration(config: DictConfig, folder: Path) -> None:
    """Write what Hydra would have written before any mistake was looked for."""
    own = HydraConfig.get()
    atomic_files.write_text(folder / CONFIG, OmegaConf.to_yaml(config))
    atomic_files.write_text(folder / ".hydra/hydra.yaml", OmegaConf.to_yaml({"hydra": own}))
    atomic_files.write_text(folder / OVERRIDES, OmegaConf.to_yaml(own.overrides.task))


def unusable_folder(name: str, why: str | None) -> str:
    """Return the problem of a folder that no run can be written in."""
    return f"hydra.run.dir: expected a new folder to write in, received {name} ({why})"
