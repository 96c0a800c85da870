"""Compile cache: MindSpore's, made safe: each graph under a key of all that it is made from.

Its own key is the text of some source files, which knows nothing of what is frozen (2.10).
"""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mindspore as ms
from mindspore import Tensor, nn

from trainer.backend.compile import mindir
from trainer.backend.compile.fingerprint import NotComparable
from trainer.backend.compile.graph_store import Damaged, GraphStore
from trainer.checkpoint import checkpoint
from trainer.config import schema
from trainer.config.schema import Settings
from trainer.core import atomic_files, cache_folder
from trainer.core.errors import CannotWrite
from trainer.distributed import world
from trainer.run.components import RunComponents

log = logging.getLogger(__name__)
file_log = logging.getLogger(f"{__name__}.table")

Describe = Callable[[], Mapping[str, Any]]

_told: set[Path] = set()  # folders that could not be written
# How variables begin that may change a graph; but for those that MindSpore's cache goes by.
_COMPUTING = ("MS_", "ONEDNN_", "DNNL_")


class CompileCache:
    """The graphs of a run, taken from a store and left there.

    Args:
        store: keeps them; None: the cache is not used.
        depends: what all of the run's graphs depend on, as plain data.
    """

    def __init__(self, store: GraphStore | None, depends: Mapping[str, Any]) -> None:
        self._store = store
        self._depends = depends

    def cached(self, name: str, cell: nn.Cell, describe: Describe) -> Callable[..., Any]:
        """Return the cell as a function; its first call takes its graph from the store.

        Args:
            name: of the graph.
            cell: is not compiled yet.
            describe: gives what this graph depends on besides; called when it is needed.
        """
        if self._store is None:
            return cell
        return _Cached(self._store, name, cell, lambda: {**self._depends, **describe()})


class _Cached:
    """A cell, compiled at its first call with the help of a store."""

    def __init__(self, store: GraphStore, name: str, cell: nn.Cell, describe: Describe) -> None:
        self._store = store
        self._name = name
        self._cell = cell
        self._describe = describe
        self._called = False

    def __call__(self, *batch: Tensor) -> Any:
        if self._called:
            return self._cell(*batch)
        self._called = True
        try:
            depends = {"graph": self._name, **self._describe(), "batch": _shapes(batch)}
        except NotComparable as why:
            file_log.info("compile cache: %s not used: %s", self._name, why)
            return self._cell(*batch)
        return self._first(depends, batch)

    def _first(self, depends: Mapping[str, Any], batch: Sequence[Tensor]) -> Any:
        key = atomic_files.checksum(depends)
        graph = self._read(key)
        result, made, used = mindir.call_with_graph(self._cell, batch, graph)
        if made is None:
            told = "cache hit" if used else "not used: MindSpore has written no graph, or several"
        elif strange := mindir.unbound_parameter(made, self._cell):
            told = f"not used: its parameter {strange} is not one of the cell's"
        else:
            told = "compiled"
            self._write(key, made, depends)
        file_log.info("compile cache: %s %s", self._name, told)
        return result

    def _read(self, key: str) -> bytes | None:
        try:
            return self._store.read(key)
        except Damaged as why:
            log.warning("warning: compile cache: %s; compiled again", why)
        except OSError:  # what cannot be read cannot be written, which will be told
            pass
        return None

    def _write(self, key: str, graph: bytes, depends: Mapping[str, Any]) -> None:
        try:
            self._store.write(key, graph, depends)
        except (CannotWrite, OSError) as error:
            if self._store.folder not in _told:
                log.warning("warning: compile cache: graphs are not kept: %s", error)
            _told.add(self._store.folder)


def of_run(settings: Settings, setup: RunComponents) -> CompileCache:
    """Return what a run takes its graphs from; the log tells why, if that is nothing."""
    chosen, others = settings.compile_cache, mindir.disable_foreign_cache()
    refusals = {
        "compile_cache.use=false": not chosen.use,
        "tried on a CPU alone": ms.get_context("device_target") != "CPU",
        "several processes share each batch": world.current().world_size > 1,
        "the net draws at random unseen": not setup.repeatable,
        "MindSpore's own is set in this process": others,
    }
    if why := next((why for why, holds in refusals.items() if holds), ""):
        file_log.info("compile cache: not used: %s", why)
        return CompileCache(None, {})
    folder = cache_folder.folder("graphs", chosen.folder)
    run = {
        "settings": schema.compiled_key(settings),
        "plan": atomic_files.plain(setup.plan.as_json()),
    }
    return CompileCache(GraphStore(folder, chosen.max_mb * 1e6), run | _surroundings())


def _surroundings() -> dict[str, Any]:
    """Return what any graph depends on: versions, the environment, the trainer's own source."""
    own = Path(__file__).parent.parent
    source = {str(path.relative_to(own)): atomic_files.digest(path) for path in own.rglob("*.py")}
    named = {k: v for k, v in os.environ.items() if k.startswith(_COMPUTING)}
    return {
        "versions": checkpoint.versions(),
        "environment": {
            k: named[k] for k in sorted(named) if k not in (mindir.ENABLE, mindir.PATH)
        },
        "trainer": atomic_files.checksum(sorted(source.items())),
    }


def _shapes(batch: Sequence[Tensor]) -> list[Any]:
    return [[str(column.dtype), list(column.shape)] for column in batch]
