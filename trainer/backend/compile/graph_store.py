"""Graph store: compiled graphs in a folder, each under its key and written atomically."""

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.core import atomic_files, cache_folder

_GRAPH = "graph.mindir"
_RECORD = "graph.json"


class Damaged(Exception):
    """An entry is not what was written; the message names it."""


@dataclass(frozen=True)
class GraphStore:
    """A folder of graphs, which several processes may share.

    Attributes:
        folder: contains one folder per graph, named by its key.
        limit: the most bytes to keep; the least recently used graphs are removed first.
    """

    folder: Path
    limit: float

    def read(self, key: str) -> bytes | None:
        """Return a graph; None if there is none.

        Raises:
            Damaged: the graph is damaged; it has been removed.
        """
        entry = self.folder / key
        try:
            graph, record = (entry / _GRAPH).read_bytes(), (entry / _RECORD).read_bytes()
        except FileNotFoundError:
            if not entry.exists():
                return None
            graph, record = b"", b""
        if not _is_intact(graph, record):
            shutil.rmtree(entry, ignore_errors=True)
            raise Damaged(f"{entry} is not what was written")
        cache_folder.use(entry)
        return graph

    def write(self, key: str, graph: bytes, depends: Mapping[str, Any]) -> None:
        """Store a graph, with what it depends on, so that two keys can be compared.

        Raises:
            CannotWrite: the folder is full, or read-only.
        """
        with atomic_files.atomic_write_folder(self.folder / key) as partial:
            (partial / _GRAPH).write_bytes(graph)
            record = {"sha256": atomic_files.sha256(graph), "depends": dict(depends)}
            (partial / _RECORD).write_text(atomic_files.dumps(record, indent=1) + "\n")
        cache_folder.drop_oldest(self.folder, self.limit)
        cache_folder.clear_partial(self.folder)


def _is_intact(graph: bytes, record: bytes) -> bool:
    with suppress(ValueError, TypeError, KeyError):
        return bool(json.loads(record)["sha256"] == atomic_files.sha256(graph))
    return False
