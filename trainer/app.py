"""The program: ``python -m trainer``."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from trainer import entry, files, logs, overrides, settings
from trainer.errors import Ending, Mistake, Stopped
from trainer.settings import Settings
from trainer.signals import Stop

if TYPE_CHECKING:
    from trainer.setup import Setup

# Other configurations than the one that has been checked.
_REFUSED = ("config_path", "config_name", "config_dir", "experimental_rerun")


def main() -> None:
    """Train as the command line says, and exit with the code that tells how it ended."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # let exceptions through to `entry.exits`
    with entry.exits() as stop:
        flags = get_args_parser().parse_args()
        _refuse(flags)
        if flags.help or flags.hydra_help or flags.cfg or flags.info:
            if problems := overrides.check(flags.overrides, flags.multirun)[1]:
                raise Mistake(problems)
            _with_hydra(None, stop)
        elif flags.multirun:
            _check_jobs(flags.overrides)
            _with_hydra(None, stop)
        else:  # all mistakes are found before Hydra makes a folder
            prepared = entry.configure(flags.overrides)
            entry.leave_if(stop)
            _with_hydra(prepared, stop)


def _refuse(flags: argparse.Namespace) -> None:
    given = [name for name in _REFUSED if getattr(flags, name)]
    found = [f"--{name.replace('_', '-')}" for name in given]
    found += [word for word in flags.overrides if word.lstrip("+").startswith("hydra.searchpath")]
    if found:
        raise Mistake([f"{word}: expected only the shipped conf/" for word in found])


def _check_jobs(lines: list[str]) -> None:
    """Raise one Mistake for all that is wrong with the jobs of a sweep, before any of them runs."""
    found = overrides.check(lines, multirun=True)[1]
    for job in [] if found else overrides.jobs(lines):
        try:
            entry.check(job)
        except Mistake as mistake:
            found += mistake.problems
    if found:
        raise Mistake(list(dict.fromkeys(found)))


def _with_hydra(prepared: "tuple[Settings, Setup] | None", stop: Stop) -> None:
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
            return _train(config, prepared, stop)
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
    config: DictConfig, prepared: "tuple[Settings, Setup] | None", stop: Stop
) -> float | None:
    """Train in the folder that Hydra has made; return the accuracy, for sweeps to go by."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    if not os.access(folder, os.W_OK):
        raise Mistake([_no_folder(str(folder), "it is not writable")])
    chosen, setup = prepared or entry.make(overrides.plain(config))
    assert chosen == settings.read(overrides.plain(config))[0], "Hydra composed something else"
    from trainer.run import run  # imports MindSpore, for which the device is set by now

    _claim(folder)
    _record_configuration(config, folder)
    with logs.to_file(folder / "train.log"):
        return run(chosen, setup, folder, stop).accuracy


def _claim(folder: Path) -> None:
    """Take a folder for this run alone, also where two ask for it at once."""
    try:
        (folder / ".hydra").mkdir()
    except FileExistsError:
        raise Mistake([_no_folder(str(folder), "it holds a run already")]) from None


def _record_configuration(config: DictConfig, folder: Path) -> None:
    """Write what Hydra would have written before any mistake was looked for."""
    own = HydraConfig.get()
    files.write_text(folder / ".hydra/config.yaml", OmegaConf.to_yaml(config))
    files.write_text(folder / ".hydra/hydra.yaml", OmegaConf.to_yaml({"hydra": own}))
    files.write_text(folder / ".hydra/overrides.yaml", OmegaConf.to_yaml(own.overrides.task))


def _no_folder(name: str, why: str | None) -> str:
    return f"hydra.run.dir: expected a new folder to write in, received {name} ({why})"


if __name__ == "__main__":
    main()
