"""Sharded weights: one model in several files, which an index lists. Pure Python."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ConfigError, nearest
from trainer.core.text import shorten

Arrays = Mapping[str, NDArray[np.generic]]
SUFFIX = ".index.json"
INDEX_ENDINGS = (f".safetensors{SUFFIX}", f".bin{SUFFIX}")


def is_index(path: Path) -> bool:
    """Tell whether a file's name is that of an index."""
    return path.name.endswith(INDEX_ENDINGS)


def index_in(folder: Path) -> Path | None:
    """Return the index of a folder; None: it holds one file, or there is not exactly one index."""
    for ending in INDEX_ENDINGS:
        kind = ending.removesuffix(SUFFIX)
        if any(folder.glob(f"model{kind}")):
            return None
        indexes = sorted(folder.glob(f"*{ending}"))
        if usual := [path for path in indexes if path.name == f"model{ending}"] or indexes:
            return usual[0] if len(usual) == 1 else None
    return None


def read(index: Path, read_shard: Callable[[Path], Arrays]) -> tuple[Arrays, tuple[str, ...]]:
    """Return the tensors that an index lists, and notes on them.

    Args:
        index: a JSON file whose ``weight_map`` has the file's name of each tensor.
        read_shard: returns the tensors of one of these files.

    Raises:
        ConfigError: names each shard that is missing, and each tensor that its shard lacks.
    """
    shard_by_name = _weight_map(index)
    shards = sorted(set(shard_by_name.values()))
    missing = [shard for shard in shards if not (index.parent / shard).is_file()]
    if missing:
        near = nearest(missing[0], sorted(path.name for path in index.parent.iterdir()))
        raise ConfigError([f"init_from: {index} lists {shorten(missing)}, which is missing{near}"])
    arrays: dict[str, NDArray[np.generic]] = {}
    problems, unlisted = [], 0
    for shard in shards:
        content = read_shard(index.parent / shard)
        listed = [name for name, holder in shard_by_name.items() if holder == shard]
        if absent := [name for name in listed if name not in content]:
            problems.append(_lacking(index, shard, absent))
        unlisted += len(content.keys() - listed)
        arrays |= {name: content[name] for name in listed if name in content}
    if problems:
        raise ConfigError(problems)
    notes = [f"{len(shards)} shards"]
    notes += [f"{unlisted} tensors of the shards are not in the index"] if unlisted else []
    return arrays, tuple(notes)


def _lacking(index: Path, shard: str, names: list[str]) -> str:
    return f"init_from: {index} lists {shorten(names)} in {shard}, which lacks it"


def _weight_map(index: Path) -> dict[str, str]:
    try:
        content: Any = json.loads(index.read_text())
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError([f"init_from: cannot read the index {index} ({reason})"]) from None
    names = content.get("weight_map") if isinstance(content, Mapping) else None
    if not isinstance(names, Mapping) or not names:
        raise ConfigError([f"init_from: expected names by tensor under weight_map in {index}"])
    for shard in names.values():
        if not isinstance(shard, str) or PurePath(shard).name != shard or is_index(Path(shard)):
            expected = "the name of a file with weights in the same folder"
            raise ConfigError([f"init_from: {index}: expected {expected}, received {shard!r}"])
    return dict(names)
