"""The program: ``python -m trainer``."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig

from trainer.artifacts import finished_run
from trainer.backend import device
from trainer.checkpoint import resume
from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point
from trainer.cli.sweep_check import check_sweep
from trainer.config import overrides
from trainer.config.schema import Settings
from trainer.core import file_lock
from trainer.core.errors import ConfigError, TrainerExit
from trainer.core.out_of_memory import out_of_memory
from trainer.core.signals import StopFlag
from trainer.distributed import rendezvous, world
from trainer.launch.local.local_launcher import LocalLauncher
from trainer.launch.results.results_report import report
from trainer.launch.slurm.slurm_launcher import SlurmLauncher
from trainer.launch.sweep import sweep_session
from trainer.launch.sweepers.grid import GridSweeper
from trainer.launch.sweepers.optuna_search import OptunaSweeper
from trainer.run import configure, multi_rank, train

if TYPE_CHECKING:
    from trainer.run.components import RunComponents

# Hydra's flags for another configuration than the one that is checked, and what to use instead.
_REFUSED = {
    "config_path": "expected groups and experiments in a folder: --config-dir FOLDER",
    "config_name": "expected groups and experiments in a folder: --config-dir FOLDER",
    "config_dir": "expected the flag in full, and only once",
    "experimental_rerun": "expected resume=RUN to continue a run",
}


def main() -> None:
    """Train as the command line says, and exit with the code that reports how it ended."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # exceptions get through to `exit_codes`
    with entry_point.exit_codes() as stop:
        sys.argv[1:] = entry_point.arguments()
        flags = get_args_parser().parse_args()
        _refuse(flags)
        request = resume.resume_request(flags.overrides)
        resume.check_config_dir(request)
        for line in flags.overrides:
            sys.argv.remove(line)
        sys.argv += request.overrides
        if flags.help or flags.hydra_help or flags.cfg or flags.info:
            _show(request, stop, flags.multirun)
        elif flags.multirun:
            _sweep(request, stop)
        else:  # all errors are found before Hydra makes a folder
            _one(request, stop)


def _refuse(flags: argparse.Namespace) -> None:
    problems = [
        f"--{name.replace('_', '-')}: {text}"
        for name, text in _REFUSED.items()
        if getattr(flags, name)
    ]
    for line in flags.overrides:
        if line.lstrip("+").startswith("hydra.searchpath"):
            problems.append(f"{line}: expected --config-dir FOLDER, which adds a folder")
        if line.lstrip("+").startswith("hydra.mode"):
            problems.append(f"{line}: expected -m for a sweep, and nothing for a run")
    if problems:
        raise ConfigError(problems)


def _show(request: ResumeRequest, stop: StopFlag, multirun: bool) -> None:
    """Print help or a configuration, once its overrides are checked."""
    if request.overrides and (problems := overrides.check(request.overrides, multirun)[1]):
        raise ConfigError(problems)
    _with_hydra(None, request, stop)


def _sweep(request: ResumeRequest, stop: StopFlag) -> None:
    """Check all jobs of a sweep, then have its launcher run them."""
    plugins = (LocalLauncher, SlurmLauncher, GridSweeper, OptunaSweeper)
    with device.restore_environment():
        check_sweep(request, stop)
    with sweep_session(request, stop, report, *plugins):
        _with_hydra(None, request, stop, sweep=True)


def _one(request: ResumeRequest, stop: StopFlag) -> None:
    """Check a single run, then train it: in this process, or in ranks that it starts."""
    config, problems = overrides.check(request.overrides)
    problems += rendezvous.problems(config)
    resume.restore_computation(request)
    request = multi_rank.join(config, request)
    ranks = world.current()
    with file_lock.lock_run(request.folder if ranks.is_main else None):
        with finished_run.naming_start_folder(request.folder):
            configured = ranks.all_or_raise(
                lambda: configure.run_from_config(config, request, problems)
            )
        entry_point.exit_if_stopped(lambda: any(ranks.gather(bool(stop()))))
        if not multi_rank.starts_ranks(config):
            _with_hydra(configured, request, stop)
            return
    del configured  # frees the model's memory for the ranks, and the folder for the first of them
    _with_hydra(None, request, stop)


def _with_hydra(
    configured: "tuple[Settings, RunComponents] | None",
    request: ResumeRequest,
    stop: StopFlag,
    sweep: bool = False,
) -> None:
    """Hand over to Hydra, which calls ``task``, or the launcher of a sweep.

    A TrainerExit is kept from Hydra, which would print a line of its own about it.
    """
    exits: list[TrainerExit] = []
    started = sweep

    @hydra.main(f"pkg://{overrides.MODULE}", overrides.CONFIG, overrides.VERSION)
    def task(config: DictConfig) -> float | None:
        nonlocal started
        started = True
        try:
            return train.train(config, request, stop, configured)
        except (TrainerExit, RuntimeError, MemoryError) as error:
            expected = error if isinstance(error, TrainerExit) else out_of_memory(error)
            if expected is None:
                raise
            exits.append(expected)
            return None

    with _as_config_errors(lambda: started):
        task()
    for error in exits:
        raise error


@contextmanager
def _as_config_errors(started: Callable[[], bool]) -> Iterator[None]:
    """Turn what Hydra raises for its own settings, before a run starts, into ConfigErrors."""
    try:
        yield
    except ConfigCompositionException as error:  # in Hydra's own part, which nothing has checked
        raise ConfigError([" ".join(str(error).split())]) from None
    except OSError as error:
        if started() or error.filename is None:
            raise
        raise ConfigError([train.unusable_folder(error.filename, error.strerror)]) from None


if __name__ == "__main__":
    main()
