"""Overrides: the command line checked against ``conf/`` before Hydra acts on it.

Hydra stops at the first mistake, with exit code 1; this finds all of them and offers what is near.
"""

import itertools
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from hydra import compose, initialize_config_module
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from trainer.core.errors import ConfigError, nearest

MODULE = "trainer.conf"
CONFIG = "train"
VERSION = "1.3"


def check(overrides: Sequence[str], multirun: bool = False) -> tuple[dict[str, Any], list[str]]:
    """Return the configuration that the sound overrides give, and what is wrong with the others.

    Args:
        overrides: as on the command line, without flags.
        multirun: whether a value may be a sweep; of a sweep, only the key is looked at.

    Raises:
        ConfigError: nothing can be composed at all.
    """
    with initialize_config_module(MODULE, version_base=VERSION):
        parsed, problems = _parse(overrides)
        sound = [o for o in parsed if not (o.is_sweep_override() and multirun)]
        if not multirun:
            problems += [_sweep_problem(o) for o in parsed if o.is_sweep_override()]
            sound = [o for o in sound if not o.is_sweep_override()]
        problems += [text for o in sound if _is_plugin(o) and (text := _group_problem(o))]
        groups = [o for o in sound if _options(o) and not _is_plugin(o)]
        problems += [text for o in groups if (text := _group_problem(o))]
        groups = [o for o in groups if not _group_problem(o)]
        base = compose(CONFIG, [_line(o) for o in groups])
        keys = [o for o in parsed if not _options(o) and not _is_hydra(o)]
        problems += [text for o in keys if (text := _key_problem(o, base))]
        keys = [o for o in keys if o in sound and not _key_problem(o, base)]
        return _compose([_line(o) for o in (*groups, *keys)], problems), problems


def apply_to(config: DictConfig, lines: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Apply overrides to a configuration that was composed before; return what is wrong with them.

    Args:
        config: changed, as far as the overrides are sound.
        lines: overrides, as on the command line.
        allowed: keys and groups that may be overridden; of a group, any key beneath it.
    """
    with initialize_config_module(MODULE, version_base=VERSION):
        parsed, problems = _parse(lines)
        for override in sorted(parsed, key=lambda o: not _options(o)):  # groups first
            found = _onto_problem(override, config, allowed)
            if found:
                problems.append(found)
            elif _options(override):
                key = override.key_or_group
                config[key] = compose(CONFIG, [_line(override)])[key]
            else:
                ConfigLoaderImpl._apply_overrides_to_config([override], config)
    return problems


def _onto_problem(override: Override, config: DictConfig, allowed: Sequence[str]) -> str | None:
    key = override.key_or_group
    if key.split(".")[0] not in allowed:
        return f"{key}: expected one of {', '.join(allowed)}, for all else is the run's"
    if override.is_sweep_override():
        return _sweep_problem(override)
    return _group_problem(override) if _options(override) else _key_problem(override, config)


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a configuration as plain data, interpolations resolved."""
    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def jobs(overrides: Sequence[str]) -> list[list[str]]:
    """Return the overrides of each job of a sweep; intervals are left out."""
    choices = []
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if not override.is_sweep_override():
            choices.append([_line(override)])
        elif override.is_discrete_sweep():
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
    return [list(job) for job in itertools.product(*choices)]


def samples(overrides: Sequence[str]) -> list[list[str]]:
    """Return jobs in which each value that a search may choose stands once, ends of intervals too.

    All combinations may be more than can be looked at.
    """
    choices = []
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key, value = override.get_key_element(), override.value()
        if not override.is_sweep_override():
            choices.append([_line(override)])
        elif isinstance(value, IntervalSweep):
            choices.append([f"{key}={value.start}", f"{key}={value.end}"])
        elif override.is_discrete_sweep():
            choices.append([f"{key}={text}" for text in override.sweep_string_iterator()])
    if not all(choices):
        return []
    first = [values[0] for values in choices]
    others = ((at, line) for at, values in enumerate(choices) for line in values[1:])
    return [first, *([*first[:at], line, *first[at + 1 :]] for at, line in others)]


def unlisted(overrides: Sequence[str]) -> list[str]:
    """Return the problems of sweeps that only a search can make."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    found = [o for o in parsed if o.is_sweep_override() and not o.is_discrete_sweep()]
    what = "expected values to sweep over, received an interval; to search it: hydra/sweeper=optuna"
    return [f"{_line(o)}: {what}" for o in found]


def but_for_seeds(found: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the jobs of a sweep, but one of those that differ in sound seeds alone."""
    sound = re.compile(r"seed=\d{1,9}")
    alike = {tuple(x for x in job if not sound.fullmatch(x)): list(job) for job in found}
    return list(alike.values())


def fixed(overrides: Sequence[str]) -> list[str]:
    """Return those overrides, as they were given, that all jobs of a sweep have."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [_line(o) for o in parsed if not o.is_sweep_override() and not _is_hydra(o)]


def _compose(lines: Sequence[str], problems: Sequence[str]) -> dict[str, Any]:
    try:
        return plain(compose(CONFIG, list(lines)))
    except InterpolationKeyError as error:
        why = str(error.msg).partition("\n")[0]
        raise ConfigError([*problems, f"{error.full_key}: expected a value; {why}"]) from None
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError([*problems, _one_line(error)]) from None


def _parse(lines: Sequence[str]) -> tuple[list[Override], list[str]]:
    parser, parsed, problems = OverridesParser.create(), [], []
    for line in lines:
        try:
            parsed.append(parser.parse_override(line))
        except HydraException as error:
            problems.append(f"override {line!r}: expected KEY=VALUE; {_one_line(error)}")
    return parsed, problems


def _options(override: Override) -> list[str]:
    """Names that a group offers; none if the override's key is no group."""
    if _is_hydra(override) and not _is_plugin(override):
        return []
    found = GlobalHydra.instance().config_loader().get_group_options(override.key_or_group)
    return [name for name in found if not _is_plugin(override) or _ships(override, name)]


def _is_hydra(override: Override) -> bool:
    return override.key_or_group.split(".")[0].split("/")[0] == "hydra"


def _ships(override: Override, name: str) -> bool:
    """Tell whether a launcher or sweeper is one of the trainer's."""
    return (files(MODULE) / override.key_or_group / f"{name}.yaml").is_file()


def _is_plugin(override: Override) -> bool:
    """Tell whether an override chooses what runs a sweep."""
    return override.key_or_group in ("hydra/launcher", "hydra/sweeper")


def _line(override: Override) -> str:
    return override.input_line or ""


def _sweep_problem(override: Override) -> str:
    key = override.key_or_group
    values = _line(override).partition("=")[2]
    return (
        f"override {_line(override)!r}: expected one value, received several; write "
        f"'{key}=[{values}]' for a list, or add -m for a run of each"
    )


def _group_problem(override: Override) -> str | None:
    value, options = override.value(), _options(override)
    if value is None and not override.is_delete():
        key = override.key_or_group
        return (
            f"{key}: expected one of {', '.join(options)}, received null; to leave it out: ~{key}"
        )
    chosen = value if isinstance(value, list) else [value]
    unknown = [str(v) for v in chosen if v is not None and str(v) not in options]
    if not unknown:
        return None
    key = override.key_or_group
    return f"{key}: no {key} named {', '.join(unknown)}{nearest(unknown[0], options)}"


def _key_problem(override: Override, base: DictConfig) -> str | None:
    """Return the problem of a key that is not in the configuration, unless it is being added."""
    if override.is_add() or override.is_force_add():
        return None
    node: Any = base
    parts = override.key_or_group.split(".")
    for depth, part in enumerate(parts):
        known = [str(key) for key in node.keys()] if isinstance(node, DictConfig) else []  # noqa: SIM118
        if part not in known:
            above = ".".join(parts[:depth])
            value = _line(override).partition("=")[2]
            argument = f"+{override.key_or_group}={value}"
            add = f"; to add an argument of {above}, write {argument}" if above else ""
            return f"{override.key_or_group}: unknown key{nearest(part, known)}{add}"
        plain_value = OmegaConf.is_missing(node, part) or OmegaConf.is_interpolation(node, part)
        node = None if plain_value else node[part]
    return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def quoted(text: str) -> str:
    """Return a text as a value in an override, whatever characters it has."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
