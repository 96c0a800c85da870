"""The program: ``python -m trainer``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from trainer import entry, files, logs, overrides
from trainer.errors import Ending, Mistake
from trainer.settings import Settings
from trainer.signals import caught

if TYPE_CHECKING:
    from trainer.setup import Setup


def main() -> None:
    """Train as the command line says, and exit with the code that tells how it ended."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # let exceptions through to `entry.exits`
    with entry.exits():
        flags = get_args_parser().parse_args()
        if flags.help or flags.hydra_help or flags.cfg or flags.info:
            _with_hydra(None)
        elif flags.multirun:
            if problems := overrides.check(flags.overrides, multirun=True)[1]:
                raise Mistake(problems)
            _with_hydra(None)
        else:  # all mistakes are found before Hydra makes a folder
            _with_hydra(entry.configure(flags.overrides))


def _with_hydra(prepared: "tuple[Settings, Setup] | None") -> None:
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
            return _train(config, prepared)
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


def _train(config: DictConfig, prepared: "tuple[Settings, Setup] | None") -> float | None:
    """Train in the folder that Hydra has made; return the accuracy, for sweeps to go by."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    if not os.access(folder, os.W_OK):
        raise Mistake([_no_folder(str(folder), "it is not writable")])
    if (folder / "metrics.jsonl").exists():
        raise Mistake([_no_folder(str(folder), "it holds a run already")])
    chosen, setup = prepared or entry.make(overrides.plain(config))
    from trainer.run import run  # imports MindSpore, for which the device is set by now

    _record_configuration(config, folder)
    with logs.to_file(folder / "train.log"), caught() as stop:
        return run(chosen, setup, folder, stop).accuracy


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
