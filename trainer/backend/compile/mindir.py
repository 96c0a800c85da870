"""MindIR: a graph as MindSpore's compile cache reads and writes it, one at a time.

The cache tells the graphs of a process apart by the order in which they are compiled, and stays in
the folder where it was first used (MindSpore 2.10). So it gets a private folder that contains no
graph except the wanted one, and it is on for one call only.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import mindspore as ms
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from mindspore import Tensor, nn
from mindspore.graph import api
from mindspore.train.mind_ir_pb2 import ModelProto

ENABLE = "MS_COMPILER_CACHE_ENABLE"
PATH = "MS_COMPILER_CACHE_PATH"
_FORCE = "MS_DEV_FORCE_USE_COMPILE_CACHE"  # MindSpore then does not compare the sources' hash
_SCRIPT = "program.py"
_GRAPHS = "compile_cache_*.mindir"
_next_number = 0  # the number under which MindSpore looks for its next graph


class IncompleteGraph(ValueError):
    """MindSpore has written only a part of a graph, without an error."""


def call_with_graph(
    run: Callable[..., Any], batch: Sequence[Tensor], graph: bytes | None
) -> tuple[Any, bytes | None, bool]:
    """Call what is not compiled yet, with the graph that it had before, if there is one.

    Returns:
        What it returns; the graph that MindSpore has compiled, if it is one; and whether it
        has used the given one.
    """
    try:
        folder = _folder()
        before = _offer(folder, graph)
    except OSError:  # no room for temporary files
        return run(*batch), None, False
    try:
        with _cache_enabled(folder):
            result = run(*batch)
        after = _graph_times(folder)
        _advance(after)
        is_new = len(after) == 1 and after != before
        compiled = next(iter(after)).read_bytes() if is_new else None
        return result, compiled, graph is not None and after == before
    finally:
        _clear(folder)


def _offer(folder: Path, graph: bytes | None) -> dict[Path, int]:
    """Let MindSpore find this graph and no other; return the graphs that are there."""
    _clear(folder)
    if graph is not None:
        (folder / _GRAPHS.replace("*", str(_next_number))).write_bytes(graph)
    return _graph_times(folder)


def _advance(graphs: Iterable[Path]) -> None:
    global _next_number
    numbers = [int(path.stem.rpartition("_")[2]) for path in graphs]
    _next_number = max([_next_number, *numbers]) + 1


def _graph_times(folder: Path) -> dict[Path, int]:
    """Return the graphs in a folder, with the time of writing."""
    return {path: path.stat().st_mtime_ns for path in folder.glob(_GRAPHS)}


def _clear(folder: Path) -> None:
    for path in folder.glob(_GRAPHS):
        path.unlink()


@contextmanager
def _cache_enabled(folder: Path) -> Iterator[None]:
    """Switch the cache on. It takes one constant file for the whole program's source."""
    settings = {ENABLE: "1", PATH: str(folder.parent.parent), _FORCE: "1"}
    before = {name: os.environ.get(name) for name in settings}
    script = api.entry_script_path
    try:
        os.environ.update(settings)
        api.entry_script_path = str(folder / _SCRIPT)
        yield
    finally:
        api.entry_script_path = script
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@cache
def _folder() -> Path:
    """Make this process's folder, which is removed when the process ends."""
    parent = Path(tempfile.mkdtemp(prefix="freeze-trainer-graphs-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    folder = parent / "rank_0" / "graph_cache"
    folder.mkdir(parents=True)
    (folder / _SCRIPT).write_text("# hashed by MindSpore in place of what is imported\n")
    return folder


def disable_foreign_cache() -> bool:
    """Tell whether other code has set up MindSpore's cache; it is off when this returns.

    What is set in the context takes precedence over the environment. That parameter is deprecated,
    but nothing else switches off what it has switched on.
    """
    enabled, path = ms.get_context("enable_compile_cache"), ms.get_context("compile_cache_path")
    if enabled:
        ms.set_context(enable_compile_cache=False)
    return enabled is not None or bool(path)


def unbound_parameter(graph: bytes, cell: nn.Cell) -> str:
    """Return the name of a parameter in a graph that the cell does not have; empty: none.

    MindSpore binds the parameters of a graph that it reads to the cell's, by name. Any others start
    at 0, and their later values are lost without an error (2.10).

    Raises:
        IncompleteGraph: it is cut short, because the temporary folder is full, for example.
    """
    proto = ModelProto()
    try:
        proto.ParseFromString(graph)
    except DecodeError as error:
        raise IncompleteGraph(str(error)) from None
    parts = [proto.graph, *proto.functions]
    names = [p.name.partition(":")[2] for part in parts for p in part.parameter]
    known = [parameter.name for parameter in cell.get_parameters()]
    return next((name for name in names if known.count(name) != 1), "")
