"""The program: ``python -m trainer``."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig

from trainer.backend import device
from trainer.checkpoint import resume
from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point
from trainer.config import overrides
from trainer.config.schema import Settings
from trainer.core import file_lock
from trainer.core.errors import ConfigError, TrainerExit
from trainer.core.signals import StopFlag
from trainer.distributed import rendezvous, world
from trainer.launch import sweep_launcher
from trainer.launch.local.local_launcher import LocalLauncher
from trainer.launch.results.results_report import report
from trainer.launch.slurm.slurm_launcher import SlurmLauncher
from trainer.launch.sweepers.grid import GridSweeper
from trainer.launch.sweepers.optuna_search import OptunaSweeper
from trainer.run import configure, multi_rank, train

if TYPE_CHECKING:
    from trainer.run.components import RunComponents

# Other configurations than the one that has been checked.
_REFUSED = ("config_path", "config_name", "config_dir", "experimental_rerun")


def main() -> None:
    """Train as the command line says, and exit with the code that tells how it ended."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # let exceptions through to `entry.exits`
    with entry_point.exit_codes() as stop:
        flags = get_args_parser().parse_args()
        _refuse(flags)
        asked = resume.resume_request(flags.overrides)
        for line in flags.overrides:
            sys.argv.remove(line)
        sys.argv += asked.overrides
        if flags.help or flags.hydra_help or flags.cfg or flags.info:
            if asked.overrides and (
                problems := overrides.check(asked.overrides, flags.multirun)[1]
            ):
                raise ConfigError(problems)
            _with_hydra(None, asked, stop)
        elif flags.multirun:
            with device.restore_environment():
                _check_jobs(asked, stop)
            with sweep_launcher.sweep_session(
                asked, stop, report, LocalLauncher, SlurmLauncher, GridSweeper, OptunaSweeper
            ):
                _with_hydra(None, asked, stop, sweep=True)
        else:  # all mistakes are found before Hydra makes a folder
            _one(asked, stop)


def _one(asked: ResumeRequest, stop: StopFlag) -> None:
    """Check a single run, then train it: here, or in ranks that this command starts."""
    config, problems = overrides.check(asked.overrides)
    problems += rendezvous.problems(config)
    asked = multi_rank.join(config, asked)
    here = world.current()
    with file_lock.lock_run(asked.folder if here.is_main else None):
        prepared = here.all_or_raise(lambda: configure.run_from_config(config, asked, problems))
        entry_point.exit_if(lambda: any(here.gather(bool(stop()))))
        if not multi_rank.starts_ranks(config):
            _with_hydra(prepared, asked, stop)
            return
    del prepared  # the net's memory is for the ranks, and the folder for the first of them
    _with_hydra(None, asked, stop)


def _refuse(flags: argparse.Namespace) -> None:
    given = [name for name in _REFUSED if getattr(flags, name)]
    found = [f"--{name.replace('_', '-')}" for name in given]
    found += [word for word in flags.overrides if word.lstrip("+").startswith("hydra.searchpath")]
    problems = [f"{word}: expected only the shipped conf/" for word in found]
    modes = [word for word in flags.overrides if word.lstrip("+").startswith("hydra.mode")]
    problems += [f"{word}: expected -m for a sweep, and nothing for a run" for word in modes]
    if problems:
        raise ConfigError(problems)


def _check_jobs(asked: ResumeRequest, stop: StopFlag) -> None:
    """Raise one ConfigError for all problems of a sweep's jobs, before any of them runs."""
    found = overrides.check(asked.overrides, multirun=True)[1]
    if asked.required:
        found.append("resume: expected one run to go on with, received -m, which makes several")
    search = "hydra/sweeper=optuna" in asked.overrides
    if not found and not search:
        found += overrides.unlisted(asked.overrides)
    choose = overrides.samples if search else overrides.jobs
    jobs = [] if found else choose(asked.overrides)
    if not found and not jobs:
        found.append("sweep: expected at least one job, received none, for a value is empty")
    for job in overrides.but_for_seeds(jobs):
        entry_point.exit_if(stop)
        try:
            configure.check_overrides(job)
        except ConfigError as mistake:
            found += mistake.problems
    if found:
        raise ConfigError(list(dict.fromkeys(found)))


def _with_hydra(
    prepared: "tuple[Settings, RunComponents] | None",
    asked: ResumeRequest,
    stop: StopFlag,
    sweep: bool = False,
) -> None:
    """Hand over to Hydra, which calls ``task``, or the launcher of a sweep.

    An ending is kept from Hydra, which would print a line of its own about it.
    """
    endings: list[TrainerExit] = []
    started = sweep

    @hydra.main(f"pkg://{overrides.MODULE}", overrides.CONFIG, overrides.VERSION)
    def task(config: DictConfig) -> float | None:
        nonlocal started
        started = True
        try:
            return train.train(config, asked, stop, prepared)
        except TrainerExit as ending:
            endings.append(ending)
            return None

    try:
        task()
    except ConfigCompositionException as error:  # in Hydra's own part, which nothing has checked
        raise ConfigError([" ".join(str(error).split())]) from None
    except OSError as error:
        if started or error.filename is None:
            raise
        raise ConfigError([train.unusable_folder(error.filename, error.strerror)]) from None
    for ending in endings:
        raise ending


if __name__ == "__main__":
    main()
