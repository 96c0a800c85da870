"""Multi-rank runs: this process joins the ranks that train one model, or starts them.

With ``distributed=none`` nothing happens here, and MindSpore's communication is not imported.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig
from pydantic import ValidationError

from trainer.artifacts import run_result
from trainer.backend import device
from trainer.checkpoint.resume import ResumeRequest
from trainer.config import config_folders, overrides
from trainer.config.groups import Device, Distributed
from trainer.config.overrides import quoted
from trainer.core import log_handlers
from trainer.core.errors import (
    BadData,
    ConfigError,
    FrozenMoved,
    NotFinite,
    RankLost,
    RanksDiffer,
    Stopped,
)
from trainer.core.run_files import RANKS
from trainer.core.signals import StopFlag
from trainer.distributed import rendezvous, world
from trainer.run import preload


def starts_ranks(config: Mapping[str, Any]) -> bool:
    """Tell whether this process starts the ranks, and trains nothing itself."""
    return _launcher(config) == "msrun" and not rendezvous.is_msrun_rank()


def join(config: Mapping[str, Any], request: ResumeRequest) -> ResumeRequest:
    """Make this process a rank, if the configuration says so and it is none yet.

    Args:
        config: a whole configuration.
        request: what the command line requests.

    Returns:
        The request, with the main rank's folder on all ranks.

    Raises:
        RankLost: the other ranks did not come.
        ConfigError: the address of the rendezvous is unknown.
    """
    launcher, this_rank = _launcher(config), world.current()
    if this_rank.world_size == 1 and launcher in ("msrun", "slurm") and not starts_ranks(config):
        if not _join_ranks(config, launcher):
            return request  # these problems are reported together with all others
        this_rank = world.current()
    if this_rank.world_size > 1 and request.folder is None:
        folder = this_rank.from_main(lambda: _run_folder(request.overrides))
        override = f"hydra.run.dir={quoted(folder)}"
        sys.argv.append(override)  # Hydra reads the overrides there
        return replace(request, overrides=[*request.overrides, override], folder=Path(folder))
    return request


def _join_ranks(config: Mapping[str, Any], launcher: str) -> bool:
    """Join the other ranks; return False if the settings for that are not valid."""
    try:
        settings = Distributed.model_validate(config["distributed"])
        device_settings = Device.model_validate(config["device"])
    except (ValidationError, KeyError):
        return False
    by_srun = launcher == "slurm"
    if by_srun and not rendezvous.is_slurm_task():
        return False
    info = rendezvous.from_slurm(settings.port) if by_srun else rendezvous.from_msrun()
    device.prepare(device_settings)
    preload.load()
    device.install_convolutions(device_settings)  # a restart is possible only before ranks meet
    from trainer.distributed import collectives

    def select_device() -> None:
        device.select(device_settings, world.current().local_rank)

    collectives.join(info, settings.timeout, select_device, by_srun)
    return True


def _run_folder(lines: Sequence[str]) -> str:
    """Return the folder that Hydra would make; the clocks of other processes may differ."""
    with overrides.composing():
        config: DictConfig = compose(overrides.CONFIG, list(lines), return_hydra_config=True)
        return str(config.hydra.run.dir)


@contextmanager
def log_to_rank_file(folder: Path) -> Iterator[None]:
    """Log to a file instead of the screen, on all ranks except the main one."""
    this_rank = world.current()
    if this_rank.is_main:
        yield
        return
    with log_handlers.away(folder / RANKS / f"{this_rank.rank}.log"):
        yield


@contextmanager
def exit_together() -> Iterator[None]:
    """Wait for the other ranks where a run ends on all of them: the main rank still writes.

    With ``srun --kill-on-bad-exit``, Slurm kills all ranks once one of them has exited.
    """
    try:
        yield
    except (Stopped, NotFinite, BadData, FrozenMoved, RanksDiffer):
        with suppress(RankLost):
            world.current().barrier()
        raise
    world.current().barrier()


def start_ranks(
    config: Mapping[str, Any],
    lines: Sequence[str],
    request: ResumeRequest,
    folder: Path,
    stop: StopFlag,
) -> float | None:
    """Start the ranks of a run on this machine, supervise them, and return the monitored value.

    Args:
        config: a whole configuration.
        lines: the overrides that it was composed from.
        request: what the command line requests.
        folder: the run's folder.
        stop: whether and why to stop.

    Raises:
        TrainerExit: the ranks failed or stopped.
        ConfigError: the configuration cannot be trained by several ranks; none was started.
    """
    if problems := rendezvous.problems(config):
        raise ConfigError(problems)
    from trainer.distributed import supervisor

    settings = Distributed.model_validate(config["distributed"])
    supervisor.run_ranks(_rank_arguments(lines, request, folder), settings, folder / RANKS, stop)
    result = run_result.read(folder)
    return None if result is None else result.value


def _rank_arguments(lines: Sequence[str], request: ResumeRequest, folder: Path) -> list[str]:
    allow = [f"resume.allow=[{','.join(sorted(request.allow))}]"] if request.allow else []
    run_folder = f"hydra.run.dir={quoted(str(folder.resolve()))}"
    return [*config_folders.flags(), *lines, run_folder, *allow]


def _launcher(config: Mapping[str, Any]) -> str:
    group = config.get("distributed")
    return str(group.get("launcher")) if isinstance(group, Mapping) else "none"
