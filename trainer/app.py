"""The program: ``python -m trainer``."""

import argparse
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from trainer import entry, files, lock, logs, overrides, resume, settings
from trainer.errors import Ending, Mistake, Stopped
from trainer.folder import CONFIG, HYDRA, LOG, MANIFEST, OVERRIDES
from trainer.resume import Request
from trainer.settings import Settings
from trainer.signals import Stop

if TYPE_CHECKING:
    from trainer.setup import Setup

log = logging.getLogger(__name__)

# Other configurations than the one that has been checked.
_REFUSED = ("config_path", "config_name", "config_dir", "experimental_rerun")


def main() -> None:
    """Train as the command line says, and exit with the code that tells how it ended."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # let exceptions through to `entry.exits`
    with entry.exits() as stop:
        flags = get_args_parser().parse_args()
        _refuse(flags)
        asked = resume.request(flags.overrides)
        for line in flags.overrides:
            sys.argv.remove(line)
        sys.argv += asked.lines
        if flags.help or flags.hydra_help or flags.cfg or flags.info:
            if problems := overrides.check(asked.lines, flags.multirun)[1]:
                raise Mistake(problems)
            _with_hydra(None, asked, stop)
        elif flags.multirun:
            _check_jobs(asked)
            _with_hydra(None, asked, stop)
        else:  # all mistakes are found before Hydra makes a folder
            with lock.held(asked.folder):
                prepared = entry.configure(asked)
                entry.leave_if(stop)
                _with_hydra(prepared, asked, stop)


def _refuse(flags: argparse.Namespace) -> None:
    given = [name for name in _REFUSED if getattr(flags, name)]
    found = [f"--{name.replace('_', '-')}" for name in given]
    found += [word for word in flags.overrides if word.lstrip("+").startswith("hydra.searchpath")]
    if found:
        raise Mistake([f"{word}: expected only the shipped conf/" for word in found])


def _check_jobs(asked: Request) -> None:
    """Raise one Mistake for all that is wrong with the jobs of a sweep, before any of them runs."""
    found = overrides.check(asked.lines, multirun=True)[1]
    if asked.must:
        found.append("resume: expected one run to go on with, received -m, which makes several")
    for job in [] if found else overrides.jobs(asked.lines):
        try:
            entry.check(job)
        except Mistake as mistake:
            found += mistake.problems
    if found:
        raise Mistake(list(dict.fromkeys(found)))


def _with_hydra(prepared: "tuple[Settings, Setup] | None", asked: Request, stop: Stop) -> None:
    """Hand over to Hydra, which calls ``task`` once, or once for each job of a sweep.

    An ending of a single run is kept from Hydra, which would print a line of its own about it.
    """
    endings: list[Ending] = []
    started = False

    @hydra.main(f"pkg://{overrides.MODULE}", overrides.CONFIG, overrides.VERSION)
    def task(config: DictConfig) -> float | None:
        nonlocal started
        started = True
        try:
            return _train(config, prepared, asked, stop)
        except Stopped as stopped:
            raise KeyboardInterrupt from stopped  # which ends a sweep as well
        except Ending as ending:
            if prepared is None:
                raise
            endings.append(ending)
            return None

    try:
        task()
    except OSError as error:
        if started or error.filename is None:
            raise
        raise Mistake([_no_folder(error.filename, error.strerror)]) from None
    for ending in endings:
        raise ending


def _train(
    config: DictConfig, prepared: "tuple[Settings, Setup] | None", asked: Request, stop: Stop
) -> float | None:
    """Train in the folder that Hydra has made; return the accuracy, for sweeps to go by."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    if not os.access(folder, os.W_OK):
        raise Mistake([_no_folder(str(folder), "it is not writable")])
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
            with logs.to_file(folder / LOG):
                return run.run(chosen, setup, folder, stop).accuracy


def _claim(folder: Path) -> None:
    """Take a folder for a run from the start: a new one, or one whose run saved no checkpoint.

    Raises:
        Mistake: another process was faster.
    """
    try:
        (folder / HYDRA).mkdir(exist_ok=lock.is_held(folder))
    except FileExistsError:
        raise Mistake([_no_folder(str(folder), "another run has begun in it")]) from None


def _record_configuration(config: DictConfig, folder: Path) -> None:
    """Write what Hydra would have written before any mistake was looked for."""
    own = HydraConfig.get()
    files.write_text(folder / CONFIG, OmegaConf.to_yaml(config))
    files.write_text(folder / ".hydra/hydra.yaml", OmegaConf.to_yaml({"hydra": own}))
    files.write_text(folder / OVERRIDES, OmegaConf.to_yaml(own.overrides.task))


def _no_folder(name: str, why: str | None) -> str:
    return f"hydra.run.dir: expected a new folder to write in, received {name} ({why})"


if __name__ == "__main__":
    main()
