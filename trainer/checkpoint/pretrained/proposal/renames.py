"""Renames: what corresponds, written as an ``init_map``. Pure Python."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import yaml

from trainer.checkpoint.pretrained.proposal.matching import Match
from trainer.config.init_map import Renames

# What the command line takes for a text, not for a number or a word of its own.
_TEXT = re.compile(r"(?!(?:true|false|null|inf|nan)$)[A-Za-z_][\w.]*", re.IGNORECASE)


def find(match: Match, is_right: Callable[[Renames], bool]) -> dict[str, str] | None:
    """Return the shortest renames that give each tensor its name; None if none does.

    Args:
        match: what corresponds.
        is_right: tells whether renames do so.
    """
    candidates = [_parts(match.renames), _paths(match.names), _anchored(match.names)]
    usable = [candidate for candidate in candidates if candidate is not None]
    usable.sort(key=lambda candidate: len(command_line(candidate) or 2 * as_yaml(candidate)))
    return next((candidate for candidate in usable if is_right(candidate)), None)


def command_line(renames: Renames) -> str:
    """Return renames as an override; empty if the command line takes a key for something else."""
    if not all(_TEXT.fullmatch(old) for old in renames):
        return ""
    pairs = (f"{old}:{_value(new)}" for old, new in renames.items())
    return f"'init_map={{{','.join(pairs)}}}'"


def as_yaml(renames: Renames) -> str:
    """Return renames as a line of YAML."""
    options = {"default_flow_style": True, "sort_keys": False, "width": 10**9}
    return str(yaml.safe_dump(dict(renames), **options)).strip()


def _value(new: str | None) -> str:
    if new is None:
        return "null"
    return new if _TEXT.fullmatch(new) else json.dumps(new)


def _parts(renames: Iterable[tuple[str, str]]) -> dict[str, str] | None:
    """Return renames of single parts; None if one part has two new names."""
    entries: dict[str, str] = {}
    for old, new in renames:
        if old == new:
            continue
        short, replacement = _shortened(old, new)
        if entries.setdefault(short, replacement) != replacement:
            return None
    return entries


def _shortened(old: str, new: str) -> tuple[str, str]:
    """Return both without what they have in common, so far as the first is still a name."""
    first, second = old.split("."), new.split(".")
    while len(first) > 1 and len(second) > 1 and first[-1] == second[-1]:
        del first[-1], second[-1]
    start = 0
    while min(len(first), len(second)) - start > 1 and first[start] == second[start]:
        start += 1
    while start and first[start].isdigit():
        start -= 1  # the command line takes a number for a number, not for a name
    return ".".join(first[start:]), ".".join(second[start:])


def _paths(names: Mapping[str, str]) -> dict[str, str]:
    """Return renames of whole paths of layers, the longest first."""
    paths = {old: new for old, new in _layer_paths(names) if old != new}
    return dict(sorted(paths.items(), key=lambda pair: -len(pair[0])))


def _anchored(names: Mapping[str, str]) -> dict[str, str]:
    """Return renames of whole paths from the beginning of a name."""
    return {
        f"re:^{re.escape(old)}(?![^.])": new
        for old, new in _paths(names).items()
        if old  # what stands at the root has a name of its own
    }


def _layer_paths(names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the new path of each layer; of a tensor, if its own name changes too."""
    for old, new in names.items():
        layer, _, leaf = old.rpartition(".")
        new_layer, _, new_leaf = new.rpartition(".")
        is_alike = layer and new_layer and (leaf == new_leaf or leaf in _TORCH and new_leaf in _OWN)
        yield (layer, new_layer) if is_alike else (old, new)


_TORCH = {"weight", "bias", "running_mean", "running_var"}
_OWN = {"weight", "bias", "gamma", "beta", "moving_mean", "moving_variance", "embedding_table"}
