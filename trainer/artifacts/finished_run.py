"""Finished run: the folder from which a command builds the run's model again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from trainer.checkpoint import class_weights
from trainer.config import overrides
from trainer.config.instantiate import LOOKED_FOR
from trainer.core.errors import ConfigError, nearest
from trainer.core.run_files import CONFIG, HYDRA_CONFIG, MODEL

_NEEDED = {CONFIG: "its settings", MODEL: "the weights at its end"}

# What a model is built, measured and exported with; how it was trained does not matter any more.
_KEPT = (
    "model",
    "adapter",
    "dataset",
    "transform",
    "batch_size",
    "loss",
    "device",
    "compile_cache",
    "seed",
)
_ANY_OPTIMIZER = {"_target_": "mindspore.nn.SGD", "lr": 0.0}  # settings without one are refused


@dataclass(frozen=True)
class RunArguments:
    """The arguments of a command that works on a run.

    Attributes:
        run: the run's folder.
        weights: which of its weights, as a value of ``init_from``.
        options: the command's own keys with their values.
        overrides: of the run's settings.
    """

    run: Path
    weights: str
    options: dict[str, str]
    overrides: list[str]


def parse_arguments(argv: Sequence[str], keys: Sequence[str]) -> RunArguments:
    """Parse the arguments of a command: ``RUN`` or ``RUN@EPOCH``, then ``KEY=VALUE`` each.

    Args:
        argv: the arguments.
        keys: the command's own keys.

    Raises:
        ConfigError: the folder is not that of a run.
    """
    if not argv:
        raise ConfigError(["RUN: expected the folder of a run, received nothing"])
    text, *rest = argv
    folder, at, _ = text.rpartition("@")
    if at and not Path(text).expanduser().exists():
        run, weights = _checked_run(Path(folder).expanduser(), needed=(CONFIG,)), text
    else:
        run = _checked_run(Path(text).expanduser(), needed=(CONFIG, MODEL))
        weights = str(run / MODEL)
    pairs = [argument.partition("=") for argument in rest]
    options = {key: value for key, equals, value in pairs if key in keys and equals}
    others = [text for text, (key, _, _) in zip(rest, pairs, strict=True) if key not in options]
    return RunArguments(run, weights, options, others)


def _checked_run(folder: Path, needed: Sequence[str]) -> Path:
    for name in needed:
        if not (folder / name).is_file():
            paths = folder.parent.glob(f"*/{name}") if folder.parent.is_dir() else []
            runs = sorted(str(path.relative_to(folder.parent).parts[0]) for path in paths)
            raise ConfigError(
                [
                    f"RUN: expected the folder of a run, received {folder}, which has no "
                    f"{name}, {_NEEDED[name]}{nearest(folder.name, runs)}"
                ]
            )
    return folder


@contextmanager
def naming_start_folder(run: Path | None) -> Iterator[None]:
    """Add to the error of a missing module where the run was started, which found it there."""
    try:
        yield
    except ConfigError as error:
        folder = _start_folder(run) if run else None
        hint = f"; the run was started in {folder}: work there, or set PYTHONPATH={folder}"
        if folder is None or str(Path.cwd()) == folder:
            raise
        problems = [t + hint if LOOKED_FOR in t else t for t in error.problems]
        raise ConfigError(problems) from None


def _start_folder(run: Path) -> str | None:
    """Return the folder that Hydra has recorded; None: it is not known."""
    with suppress(OSError, YAMLError, OmegaConfBaseException, AttributeError):
        folder = OmegaConf.select(OmegaConf.load(run / HYDRA_CONFIG), "hydra.runtime.cwd")
        return str(folder) if folder else None
    return None


def model_configuration(
    arguments: RunArguments, allowed: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return a configuration that builds a run's model with its weights, and freezes nothing.

    Args:
        arguments: the run, and overrides of its settings.
        allowed: keys and groups that may be overridden.

    Returns:
        The configuration, and what is wrong with the overrides.

    Raises:
        ConfigError: the run's own configuration is damaged.
    """
    settings, problems = _overridden_settings(arguments, allowed)
    _use_recorded_class_weights(settings, arguments.run)
    kept = {key: settings[key] for key in _KEPT if key in settings}
    evaluation = settings.get("evaluation") or {}
    measured = {key: evaluation[key] for key in ("metrics", "tta") if key in evaluation}
    fixed = {"optimizer": _ANY_OPTIMIZER, "evaluation": measured}
    return {**kept, **fixed, "init_from": arguments.weights}, problems


def _overridden_settings(
    arguments: RunArguments, allowed: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    path = arguments.run / CONFIG
    try:
        config = OmegaConf.load(path)
        assert isinstance(config, DictConfig)
        OmegaConf.resolve(config["model"])  # other data must not change the model's classes
        OmegaConf.set_struct(config, True)
        problems = overrides.apply_to(config, arguments.overrides, allowed)
        return overrides.plain(config), problems
    except (OmegaConfBaseException, YAMLError, AssertionError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError([f"expected the settings of a run in {path} ({reason})"]) from None


def _use_recorded_class_weights(settings: dict[str, Any], run: Path) -> None:
    """Replace ``balanced`` by the weights that the run has counted, whatever its data are now."""
    loss = settings["loss"]
    if loss.get("class_weights") == "balanced" and (weights := class_weights.read(run)):
        settings["loss"] = {**loss, "class_weights": weights}


def without_data(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration in which nothing of the data is left but their target's name."""
    evaluation = {key: value for key, value in config["evaluation"].items() if key != "metrics"}
    dataset = {"_target_": (config.get("dataset") or {}).get("_target_")}
    return {**config, "dataset": dataset, "evaluation": evaluation}
