"""Record: a finished run's folder, from which its net is made again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from trainer import overrides
from trainer.errors import Mistake, nearest

MODEL = "model.safetensors"
_CONFIG = ".hydra/config.yaml"

# What the net was trained from and how does not matter to one that is only to be used.
_SETTLED: dict[str, Any] = {
    "new_head": [],
    "init_map": None,
    "init_strict": True,
    "freeze": None,
    "policy": {},
}


def words(arguments: Sequence[str], own: Sequence[str]) -> tuple[Path, dict[str, str], list[str]]:
    """Return the run's folder, the command's own keys with their values, and the overrides.

    Args:
        arguments: the folder and then words of ``KEY=VALUE``.
        own: keys that are the command's own.

    Raises:
        Mistake: the folder is none of a run.
    """
    if not arguments:
        raise Mistake(["RUN: expected the folder of a run, received nothing"])
    folder, *rest = arguments
    pairs = [word.partition("=") for word in rest]
    found = {key: value for key, equals, value in pairs if key in own and equals}
    lines = [word for word, (key, _, _) in zip(rest, pairs, strict=True) if key not in found]
    return _checked(Path(folder).expanduser()), found, lines


def _checked(folder: Path) -> Path:
    for name, what in ((_CONFIG, "its settings"), (MODEL, "the weights at its end")):
        if not (folder / name).is_file():
            beside = folder.parent.glob(f"*/{name}") if folder.parent.is_dir() else []
            runs = sorted(str(path.relative_to(folder.parent).parts[0]) for path in beside)
            raise Mistake(
                [
                    f"RUN: expected the folder of a run, received {folder}, which has no "
                    f"{name}, {what}{nearest(folder.name, runs)}"
                ]
            )
    return folder


def configuration(
    folder: Path, lines: Sequence[str], allowed: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return a configuration that makes a run's net with its last weights, and nothing frozen.

    Args:
        folder: of the run.
        lines: overrides of what the run was trained with.
        allowed: keys and groups that may be overridden.

    Returns:
        The configuration, and what is wrong with the overrides.

    Raises:
        Mistake: the run's own configuration is damaged.
    """
    path = folder / _CONFIG
    try:
        config = OmegaConf.load(path)
        assert isinstance(config, DictConfig)
        OmegaConf.resolve(config["model"])  # other data shall not give the net other classes
        OmegaConf.set_struct(config, True)
        problems = overrides.onto(config, lines, allowed)
        found = overrides.plain(config)
    except (OmegaConfBaseException, YAMLError, AssertionError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise Mistake([f"expected the settings of a run in {path} ({why})"]) from None
    return {**found, **_SETTLED, "init_from": str(folder / MODEL)}, problems
