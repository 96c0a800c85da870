"""Record: a finished run's folder, from which its net is made again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from trainer.config import overrides
from trainer.core.errors import ConfigError, nearest
from trainer.core.run_files import CONFIG, MODEL

_NEEDED = {CONFIG: "its settings", MODEL: "the weights at its end"}

# What the net was trained from and how does not matter to one that is only to be used.
_SETTLED: dict[str, Any] = {
    "new_head": [],
    "init_map": None,
    "init_strict": True,
    "freeze": None,
    "method": "stop_gradient",  # the run's may be a custom one, which may be gone
    "policy": {},
    "distributed": {},
}


@dataclass(frozen=True)
class RunArguments:
    """What a command that works on a run was given.

    Attributes:
        run: the run's folder.
        weights: which of its weights, as ``init_from`` takes it.
        own: the command's own keys with their values.
        lines: overrides.
    """

    run: Path
    weights: str
    own: dict[str, str]
    lines: list[str]


def parse_arguments(arguments: Sequence[str], own: Sequence[str]) -> RunArguments:
    """Read the arguments of a command: ``RUN`` or ``RUN@EPOCH``, then words of ``KEY=VALUE``.

    Args:
        arguments: of the command.
        own: keys that are the command's own.

    Raises:
        ConfigError: the folder is none of a run.
    """
    if not arguments:
        raise ConfigError(["RUN: expected the folder of a run, received nothing"])
    text, *rest = arguments
    folder, at, _ = text.rpartition("@")
    if at and not Path(text).expanduser().exists():
        run, weights = _checked(Path(folder).expanduser(), needed=(CONFIG,)), text
    else:
        run = _checked(Path(text).expanduser(), needed=(CONFIG, MODEL))
        weights = str(run / MODEL)
    pairs = [word.partition("=") for word in rest]
    found = {key: value for key, equals, value in pairs if key in own and equals}
    lines = [word for word, (key, _, _) in zip(rest, pairs, strict=True) if key not in found]
    return RunArguments(run, weights, found, lines)


def _checked(folder: Path, needed: Sequence[str]) -> Path:
    for name in needed:
        if not (folder / name).is_file():
            beside = folder.parent.glob(f"*/{name}") if folder.parent.is_dir() else []
            runs = sorted(str(path.relative_to(folder.parent).parts[0]) for path in beside)
            raise ConfigError(
                [
                    f"RUN: expected the folder of a run, received {folder}, which has no "
                    f"{name}, {_NEEDED[name]}{nearest(folder.name, runs)}"
                ]
            )
    return folder


def model_configuration(
    given: RunArguments, allowed: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return a configuration that makes a run's net with its weights, and nothing frozen.

    Args:
        given: the run, and overrides of what it was trained with.
        allowed: keys and groups that may be overridden.

    Returns:
        The configuration, and what is wrong with the overrides.

    Raises:
        ConfigError: the run's own configuration is damaged.
    """
    path = given.run / CONFIG
    try:
        config = OmegaConf.load(path)
        assert isinstance(config, DictConfig)
        OmegaConf.resolve(config["model"])  # other data shall not give the net other classes
        OmegaConf.set_struct(config, True)
        problems = overrides.apply_to(config, given.lines, allowed)
        found = overrides.plain(config)
    except (OmegaConfBaseException, YAMLError, AssertionError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise ConfigError([f"expected the settings of a run in {path} ({why})"]) from None
    return {**found, **_SETTLED, "init_from": given.weights}, problems
