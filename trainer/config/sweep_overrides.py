"""Sweep overrides: the jobs that the overrides of a multirun give."""

import itertools
import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override

from trainer.config.override_problems import is_hydra, source_line

_SEED = re.compile(r"seed=\d{1,9}")


def jobs(overrides: Sequence[str]) -> list[list[str]]:
    """Return the overrides of each job of a sweep; intervals are left out."""
    choices = []
    for override in _parsed(overrides):
        if not override.is_sweep_override():
            choices.append([source_line(override)])
        elif override.is_discrete_sweep():
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
    return [list(job) for job in itertools.product(*choices)]


def samples(overrides: Sequence[str]) -> list[list[str]]:
    """Return jobs in which each value that a search may choose occurs once, ends of intervals too.

    All combinations may be too many to check.
    """
    values = [_values(override) for override in _parsed(overrides)]
    choices = [lines for lines in values if lines is not None]
    if not all(choices):
        return []
    first = [lines[0] for lines in choices]
    others = ((at, line) for at, lines in enumerate(choices) for line in lines[1:])
    return [first, *([*first[:at], line, *first[at + 1 :]] for at, line in others)]


def _values(override: Override) -> list[str] | None:
    """Return an override with each of its values; None for a sweep of another kind."""
    key, value = override.get_key_element(), override.value()
    if not override.is_sweep_override():
        return [source_line(override)]
    if isinstance(value, IntervalSweep):
        return [f"{key}={value.start}", f"{key}={value.end}"]
    if override.is_discrete_sweep():
        return [f"{key}={text}" for text in override.sweep_string_iterator()]
    return None


def interval_problems(overrides: Sequence[str]) -> list[str]:
    """Return the problems of sweeps that only a search can make."""
    sweeps = [o for o in _parsed(overrides) if o.is_sweep_override() and not o.is_discrete_sweep()]
    text = "expected values to sweep over, received an interval; to search it: hydra/sweeper=optuna"
    return [f"{source_line(override)}: {text}" for override in sweeps]


def distinct_except_seeds(job_overrides: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the jobs of a sweep, and only one of those that differ in valid seeds alone."""
    distinct = {
        tuple(line for line in job if not _SEED.fullmatch(line)): list(job) for job in job_overrides
    }
    return list(distinct.values())


def fixed(overrides: Sequence[str]) -> list[str]:
    """Return the overrides, as they were given, that all jobs of a sweep have."""
    return [
        source_line(override)
        for override in _parsed(overrides)
        if not override.is_sweep_override() and not is_hydra(override)
    ]


def _parsed(overrides: Sequence[str]) -> list[Override]:
    return OverridesParser.create().parse_overrides(list(overrides))
