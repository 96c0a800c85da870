"""Compile cache: MindSpore's, made safe: each graph under a key of all that it depends on.

MindSpore's own key is the text of some source files, which does not say what is frozen (2.10).
"""

import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mindspore as ms
from mindspore import Tensor, nn

from trainer.backend import execution_mode
from trainer.backend.compile import compile_errors, mindir
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

_reported: set[Path] = set()  # folders that could not be written
# Prefixes of environment variables that may change a graph.
_COMPUTING = ("MS_", "ONEDNN_", "DNNL_")


class CompileCache:
    """The graphs of a run, read from a store and written to it.

    Args:
        store: keeps them; None: the cache is not used.
        depends: what all graphs of the run depend on, as plain data.
    """

    def __init__(self, store: GraphStore | None, depends: Mapping[str, Any]) -> None:
        self._store = store
        self._depends = depends

    def cached(self, name: str, cell: nn.Cell, describe: Describe) -> Callable[..., Any]:
        """Return the cell as a function; its first call reads its graph from the store.

        Args:
            name: of the graph.
            cell: not compiled yet.
            describe: returns what this graph depends on in addition; called when it is needed.
        """
        if self._store is None:
            return compile_errors.reported(cell)
        return _Cached(self._store, name, cell, lambda: {**self._depends, **describe()})


class _Cached:
    """A cell, compiled at its first call with the help of a store."""

    def __init__(self, store: GraphStore, name: str, cell: nn.Cell, describe: Describe) -> None:
        self._store = store
        self._name = name
        self._cell = cell
        self._run = execution_mode.executable(cell)
        self._describe = describe
        self._called = False

    def __call__(self, *batch: Tensor) -> Any:
        if self._called:
            return self._run(*batch)
        self._called = True
        with compile_errors.as_config_error(self._cell):
            return self._first(batch)

    def _first(self, batch: Sequence[Tensor]) -> Any:
        try:
            depends = {"graph": self._name, **self._describe(), "batch": _shapes(batch)}
        except NotComparable as why:
            file_log.info("compile cache: %s not used: %s", self._name, why)
            return self._run(*batch)
        return self._compile(depends, batch)

    def _compile(self, depends: Mapping[str, Any], batch: Sequence[Tensor]) -> Any:
        key = atomic_files.checksum(depends)
        graph = self._read(key)
        result, compiled, hit = mindir.call_with_graph(self._run, batch, graph)
        if compiled is None:
            outcome = "cache hit" if hit else "not used: MindSpore has written no graph, or several"
        else:
            outcome = self._keep(key, compiled, depends)
        file_log.info("compile cache: %s %s", self._name, outcome)
        return result

    def _keep(self, key: str, graph: bytes, depends: Mapping[str, Any]) -> str:
        """Write a graph to the store if it can be used again; return what the log says of it."""
        try:
            name = mindir.unbound_parameter(graph, self._cell)
        except mindir.IncompleteGraph:
            return f"not used: MindSpore could not write it whole to {tempfile.gettempdir()}"
        if name:
            return f"not used: its parameter {name} is not one of the cell's"
        self._write(key, graph, depends)
        return "compiled"

    def _read(self, key: str) -> bytes | None:
        try:
            return self._store.read(key)
        except Damaged as why:
            log.warning("warning: compile cache: %s; compiled again", why)
        except OSError:  # what cannot be read cannot be written, which is reported then
            pass
        return None

    def _write(self, key: str, graph: bytes, depends: Mapping[str, Any]) -> None:
        try:
            self._store.write(key, graph, depends)
        except (CannotWrite, OSError) as error:
            if self._store.folder not in _reported:
                log.warning("warning: compile cache: graphs are not kept: %s", error)
            _reported.add(self._store.folder)


def of_run(settings: Settings, components: RunComponents) -> CompileCache:
    """Return the compile cache of a run; the log says why it is not used, if so."""
    options, foreign = settings.compile_cache, mindir.disable_foreign_cache()
    refusals = {
        "compile_cache.use=false": not options.use,
        "device.mode=eager": not execution_mode.compiles(),
        "it was tried on CPUs only": ms.get_context("device_target") != "CPU",
        "several processes share each batch": world.current().world_size > 1,
        "the model draws random numbers that are not known": not components.repeatable,
        "MindSpore's own is set in this process": foreign,
    }
    if reason := next((text for text, holds in refusals.items() if holds), ""):
        file_log.info("compile cache: not used: %s", reason)
        return CompileCache(None, {})
    folder = cache_folder.folder("graphs", options.folder)
    run = {
        "settings": schema.compiled_key(settings),
        "plan": atomic_files.plain(components.plan.as_json()),
    }
    return CompileCache(GraphStore(folder, options.max_mb * 1e6), run | _environment())


def _environment() -> dict[str, Any]:
    """Return what any graph depends on: versions, the environment, the trainer's own source."""
    package = Path(__file__).parent.parent
    files = {str(p.relative_to(package)): atomic_files.digest(p) for p in package.rglob("*.py")}
    variables = {k: v for k, v in os.environ.items() if k.startswith(_COMPUTING)}
    return {
        "versions": {k: v for k, v in checkpoint.versions().items() if k != checkpoint.CORES},
        "environment": {
            k: variables[k] for k in sorted(variables) if k not in (mindir.ENABLE, mindir.PATH)
        },
        "trainer": atomic_files.checksum(sorted(files.items())),
    }


def _shapes(batch: Sequence[Tensor]) -> list[Any]:
    return [[str(column.dtype), list(column.shape)] for column in batch]
