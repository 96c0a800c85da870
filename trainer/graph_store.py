"""Graph store: compiled graphs in a folder, each under its key, whole or not at all."""

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer import files

_GRAPH = "graph.mindir"
_RECORD = "graph.json"
_ABANDONED = 86_400.0  # seconds after which nobody is writing a partial entry any more


class Damaged(Exception):
    """An entry is not what was written; the message says which."""


@dataclass(frozen=True)
class GraphStore:
    """A folder of graphs, which several processes may share.

    Attributes:
        folder: has a folder for each graph, named by its key.
        limit: the most bytes to keep; the graphs used longest ago go first.
    """

    folder: Path
    limit: float

    def read(self, key: str) -> bytes | None:
        """Return a graph, None if there is none.

        Raises:
            Damaged: there was one, which has been removed.
        """
        entry = self.folder / key
        try:
            graph, record = (entry / _GRAPH).read_bytes(), (entry / _RECORD).read_text()
        except FileNotFoundError:
            if not entry.exists():
                return None
            graph, record = b"", ""
        if not _sound(graph, record):
            shutil.rmtree(entry, ignore_errors=True)
            raise Damaged(f"{entry} is not what was written")
        with suppress(OSError):  # of another owner, say
            os.utime(entry)
        return graph

    def write(self, key: str, graph: bytes, depends: Mapping[str, Any]) -> None:
        """Keep a graph, with what it depends on for those who wonder why it is not another's.

        Raises:
            CannotWrite: the folder is full, or read-only.
        """
        with files.whole_folder(self.folder / key) as partial:
            (partial / _GRAPH).write_bytes(graph)
            record = {"sha256": files.sha256(graph), "depends": dict(depends)}
            (partial / _RECORD).write_text(files.dumps(record, indent=1) + "\n")
        self._trim()

    def _trim(self) -> None:
        now, sizes = time.time(), []
        for entry in _folders(self.folder):
            with suppress(OSError):  # another process has removed it
                changed = entry.stat().st_mtime
                if not entry.name.startswith("."):
                    size = sum(file.stat().st_size for file in entry.iterdir())
                    sizes.append((changed, entry, size))
                elif now - changed > _ABANDONED:
                    shutil.rmtree(entry, ignore_errors=True)
        total = sum(size for _, _, size in sizes)
        for _, entry, size in sorted(sizes):
            if total <= self.limit:
                break
            shutil.rmtree(entry, ignore_errors=True)
            total -= size


def _folders(folder: Path) -> Iterator[Path]:
    return (entry for entry in folder.iterdir() if entry.is_dir())


def _sound(graph: bytes, record: str) -> bool:
    with suppress(ValueError, TypeError, KeyError):
        return bool(json.loads(record)["sha256"] == files.sha256(graph))
    return False
