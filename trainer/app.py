"""The program: ``python -m trainer``."""

import os
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from trainer import entry, files, logs, overrides, settings
from trainer.errors import Mistake
from trainer.signals import caught


def main() -> None:
    """Train as the command line says, and exit with the code that tells how it ended."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # let exceptions through to `entry.exits`
    with entry.exits():
        flags = get_args_parser().parse_args()
        if not (flags.help or flags.hydra_help or flags.cfg or flags.info):
            _check(flags.overrides, flags.multirun)
        _hydra()


def _check(lines: list[str], multirun: bool) -> None:
    """Raise one Mistake for everything that is wrong, before Hydra makes a folder."""
    config, problems = overrides.check(lines, multirun)
    if not multirun:
        chosen, more = settings.read(config)
        problems += more
        if problems:
            entry.prepare(chosen, problems)
    if problems:
        raise Mistake(problems)


@hydra.main(f"pkg://{overrides.MODULE}", overrides.CONFIG, overrides.VERSION)
def _hydra(config: DictConfig) -> float | None:
    folder = Path(HydraConfig.get().runtime.output_dir)
    with entry.no_trace(folder):
        chosen, problems = settings.read(overrides.plain(config))
        setup = entry.prepare(chosen, problems)
    _record_configuration(config, folder)
    from trainer.run import run  # imports MindSpore, for which `entry.prepare` has set the device

    with logs.to_file(folder / "train.log"), caught() as stop:
        return run(chosen, setup, folder, stop).accuracy


def _record_configuration(config: DictConfig, folder: Path) -> None:
    """Write what Hydra would have written before the mistakes were looked for."""
    hydra_config = HydraConfig.get()
    files.write_text(folder / ".hydra/config.yaml", OmegaConf.to_yaml(config))
    files.write_text(folder / ".hydra/hydra.yaml", OmegaConf.to_yaml({"hydra": hydra_config}))
    task = OmegaConf.to_yaml(hydra_config.overrides.task)
    files.write_text(folder / ".hydra/overrides.yaml", task)


if __name__ == "__main__":
    main()
