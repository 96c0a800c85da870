"""Ranks: how this process becomes one of several that train one net together, or starts them.

With ``distributed=none`` nothing of it takes effect, and MindSpore's communication is not imported.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from omegaconf import DictConfig
from pydantic import ValidationError

from trainer.backend import device
from trainer.checkpoint.resume import ResumeRequest
from trainer.config import overrides
from trainer.config.overrides import quoted
from trainer.config.schema import Device, Distributed
from trainer.core import log_handlers
from trainer.core.errors import (
    ConfigError,
    FrozenMoved,
    NotFinite,
    RankLost,
    RanksDiffer,
    Stopped,
    TrainerExit,
)
from trainer.core.run_files import METRICS, RANKS
from trainer.core.signals import StopFlag
from trainer.distributed import rendezvous, world
from trainer.run import preload


def are_started_by(config: Mapping[str, Any]) -> bool:
    """Tell whether this process is to start ranks, and to train nothing itself."""
    return _launcher(config) == "msrun" and not rendezvous.is_started()


def join(config: Mapping[str, Any], asked: ResumeRequest) -> ResumeRequest:
    """Make this process a rank, if the configuration says so and it is none yet.

    Args:
        config: a whole configuration.
        asked: what the command line asks for.

    Returns:
        The request, in which all ranks have the first one's folder.

    Raises:
        RankLost: the others did not come.
        ConfigError: there is no place to meet.
    """
    launcher, here = _launcher(config), world.current()
    if here.world_size == 1 and launcher in ("msrun", "slurm") and not are_started_by(config):
        if not _meet(config, launcher):
            return asked  # what is wrong is told with all else that is
        here = world.current()
    if here.world_size > 1 and asked.folder is None:
        folder = here.from_main(lambda: _directory(asked.overrides))
        line = f"hydra.run.dir={quoted(folder)}"
        sys.argv.append(line)  # where Hydra looks
        return replace(asked, overrides=[*asked.overrides, line], folder=Path(folder))
    return asked


def _meet(config: Mapping[str, Any], launcher: str) -> bool:
    """Join the other ranks; tell whether the settings for that are sound."""
    try:
        chosen = Distributed.model_validate(config["distributed"])
        where = Device.model_validate(config["device"])
    except (ValidationError, KeyError):
        return False
    if launcher == "slurm" and not rendezvous.is_task():
        return False
    place = rendezvous.of_slurm(chosen.port) if launcher == "slurm" else rendezvous.of_msrun()
    device.prepare(where.instruction_set)
    preload.load()
    from trainer.distributed import collectives

    by_srun = launcher == "slurm"
    collectives.join(
        place, chosen.timeout, lambda: device.select(where, world.current().local_rank), by_srun
    )
    return True


def _directory(lines: Sequence[str]) -> str:
    """Return the folder that Hydra would make here; another process's clock may tell another."""
    with initialize_config_module(overrides.MODULE, version_base=overrides.VERSION):
        composed: DictConfig = compose(overrides.CONFIG, list(lines), return_hydra_config=True)
        return str(composed.hydra.run.dir)


@contextmanager
def logged(folder: Path) -> Iterator[None]:
    """Give a rank other than the first a log of its own instead of the screen."""
    here = world.current()
    if here.is_main:
        yield
        return
    with log_handlers.away(folder / RANKS / f"{here.rank}.log"):
        yield


@contextmanager
def ended_together() -> Iterator[None]:
    """Wait for the other ranks where a run ends on all of them: the first one still writes.

    Slurm, told so, kills all that are left once one has ended.
    """
    try:
        yield
    except (Stopped, NotFinite, FrozenMoved, RanksDiffer):
        with suppress(RankLost):
            world.current().part()
        raise
    world.current().part()


def start(
    config: Mapping[str, Any],
    lines: Sequence[str],
    asked: ResumeRequest,
    folder: Path,
    stop: StopFlag,
) -> float | None:
    """Start ranks on this machine for a run, and watch them; return the accuracy at its end.

    Args:
        config: a whole configuration.
        lines: the overrides that it is made by.
        asked: what the command line asks for.
        folder: the run's.
        stop: tells why to stop, if so.

    Raises:
        TrainerExit: how they end, if not well.
        ConfigError: what is wrong, as far as it is known before any is started.
    """
    if problems := rendezvous.problems(config):
        raise ConfigError(problems)
    from trainer.callbacks import metrics_jsonl
    from trainer.distributed import supervisor

    chosen = Distributed.model_validate(config["distributed"])
    words = [*lines, f"hydra.run.dir={quoted(str(folder.resolve()))}"]
    if asked.allow:
        words.append(f"resume.allow=[{','.join(sorted(asked.allow))}]")
    ending: TrainerExit | None = supervisor.run(words, chosen, folder / RANKS, stop)
    if ending:
        raise ending
    records = metrics_jsonl.read(folder / METRICS)
    return records[-1].get("accuracy") if records else None


def _launcher(config: Mapping[str, Any]) -> str:
    group = config.get("distributed")
    return str(group.get("launcher")) if isinstance(group, Mapping) else "none"
