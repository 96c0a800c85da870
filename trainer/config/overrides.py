"""Overrides: the command line checked against the configuration before Hydra acts on it.

Hydra stops at the first error, with exit code 1; this finds all of them and offers what is near.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException
from yaml import YAMLError

from trainer.config import config_folders, data_classes, override_problems, search_path
from trainer.config.override_problems import (
    group_options,
    group_problem,
    is_hydra,
    is_plugin,
    key_problem,
    source_line,
    sweep_problem,
)
from trainer.core.errors import ConfigError

MODULE = config_folders.MODULE
CONFIG = "train"
VERSION = "1.3"

search_path.register()
data_classes.register()


@contextmanager
def composing() -> Iterator[None]:
    """Let Hydra's ``compose`` find the shipped configuration, and the user's folder."""
    if GlobalHydra.instance().is_initialized():  # within ``hydra.main``, with the same folders
        yield
        return
    with initialize_config_module(MODULE, version_base=VERSION):
        yield


def check(overrides: Sequence[str], multirun: bool = False) -> tuple[dict[str, Any], list[str]]:
    """Return the configuration that the valid overrides give, and the errors of the others.

    Args:
        overrides: as on the command line, without flags.
        multirun: whether a value may be a sweep; of a sweep, only the key is checked.

    Raises:
        ConfigError: nothing can be composed at all.
    """
    with composing():
        parsed, problems = _parse(overrides)
        valid = [o for o in parsed if not o.is_sweep_override()]
        if not multirun:
            problems += [sweep_problem(o) for o in parsed if o.is_sweep_override()]
        problems += [text for o in valid if is_plugin(o) and (text := group_problem(o))]
        groups = [o for o in valid if group_options(o) and not is_plugin(o)]
        problems += [text for o in groups if (text := group_problem(o))]
        groups = [o for o in groups if not group_problem(o)]
        base = _base([source_line(o) for o in groups], problems)
        keys = [o for o in parsed if not group_options(o) and not is_hydra(o)]
        problems += [text for o in keys if (text := key_problem(o, base))]
        keys = [o for o in keys if o in valid and not key_problem(o, base)]
        return _resolved([source_line(o) for o in (*groups, *keys)], problems), problems


def apply_to(config: DictConfig, lines: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Apply overrides to a configuration that was composed before; return their errors.

    Args:
        config: changed by the valid overrides.
        lines: overrides, as on the command line.
        allowed: keys and groups that may be overridden; of a group, any key beneath it.
    """
    with composing():
        parsed, problems = _parse(lines)
        for override in sorted(parsed, key=lambda o: not group_options(o)):  # groups first
            problem = override_problems.apply_problem(override, config, allowed)
            if problem:
                problems.append(problem)
            elif group_options(override):
                key = override.key_or_group
                config[key] = _compose([source_line(override)], problems)[key]
            else:
                problems += _apply(override, config)
    return problems


def _apply(override: Override, config: DictConfig) -> list[str]:
    try:
        ConfigLoaderImpl._apply_overrides_to_config([override], config)
    except (HydraException, OmegaConfBaseException) as error:  # `+KEY` for a key that is set
        return [f"override {source_line(override)!r}: {_one_line(error)}"]
    return []


def recorded_lines(task: Any) -> list[str]:
    """Return Hydra's list of overrides as text: ``a=${b}`` in it is no interpolation."""
    lines = OmegaConf.to_container(task, resolve=False)
    assert isinstance(lines, list)
    return [str(line) for line in lines]


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a configuration as plain data, interpolations resolved."""
    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def user_files(lines: Sequence[str], named: Collection[str]) -> list[str]:
    """Return the files of the user's folder that a run uses, as paths in it.

    Args:
        lines: the run's overrides.
        named: other options that it uses, as GROUP/NAME.
    """
    folder = config_folders.user_folder()
    if folder is None:
        return []
    with composing():
        loader = GlobalHydra.instance().config_loader()
        defaults = [*loader.compute_defaults_list(CONFIG, list(lines), RunMode.RUN).defaults]
        for name in filter(_is_option, named):  # a policy of a phase may build on others
            defaults += loader.compute_defaults_list(name, [], RunMode.RUN).defaults
    names = {str(default.config_path) for default in defaults} | set(named)
    return sorted(f"{name}.yaml" for name in names if Path(folder, f"{name}.yaml").is_file())


def _is_option(name: str) -> bool:
    group, _, option = name.rpartition("/")
    return option in config_folders.options(group)


def _base(lines: Sequence[str], problems: Sequence[str]) -> DictConfig:
    """Return what choices of groups give, to look keys up in; shipped files are composed once."""
    composer = _compose_lines if config_folders.user_folder() else _compose_once
    return _compose(lines, problems, composer)


def _compose_lines(*lines: str) -> DictConfig:
    return compose(CONFIG, list(lines))


_compose_once = lru_cache(maxsize=8)(_compose_lines)


def _compose(
    lines: Sequence[str],
    problems: Sequence[str],
    composer: Callable[..., DictConfig] = _compose_lines,
) -> DictConfig:
    try:
        return composer(*lines)
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ConfigError([*problems, _one_line(error)]) from None


def _resolved(lines: Sequence[str], problems: list[str]) -> dict[str, Any]:
    """Return a resolved configuration; add why the data that it refers to cannot be read."""
    config = _compose(lines, problems)
    try:
        return plain(config)
    except InterpolationKeyError as error:
        why = str(error.msg).partition("\n")[0]
        raise ConfigError([*problems, f"{error.full_key}: expected a value; {why}"]) from None
    except OmegaConfBaseException as error:
        unreadable = data_classes.problems(config)
        if not unreadable:
            raise ConfigError([*problems, _one_line(error)]) from None
    problems += unreadable
    return plain(data_classes.with_stand_ins(config))


def _parse(lines: Sequence[str]) -> tuple[list[Override], list[str]]:
    parser, parsed, problems = OverridesParser.create(), [], []
    for line in lines:
        try:
            parsed.append(parser.parse_override(line))
        except HydraException as error:
            why = f"{_one_line(error)}{_quotes_hint(parser, line)}"
            problems.append(f"override {line!r}: expected KEY=VALUE; {why}")
    return parsed, problems


def _quotes_hint(parser: OverridesParser, line: str) -> str:
    """Return how to write a text with special characters, such as a path with ``=``."""
    key, equals, value = line.partition("=")
    if not equals or set(value) & set("'\"[]{}()"):
        return ""
    try:
        parser.parse_override(f"{key}={quoted(value)}")
    except HydraException:
        return ""
    return f'; if it is a text, write "{key}={quoted(value)}"'


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def quoted(text: str) -> str:
    """Return a text as a value in an override, whatever characters it has."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
