"""MindIR: a graph as MindSpore's compile cache reads and writes it, one at a time.

The cache tells the graphs of a process from one another by the order in which they are compiled,
and stays in the folder where it was first used (MindSpore 2.10). So it gets a private folder that
holds no graph but the one that is wanted, and is on for one call alone.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import mindspore as ms
from mindspore import Tensor, nn
from mindspore.graph import api
from mindspore.train.mind_ir_pb2 import ModelProto

ENABLE = "MS_COMPILER_CACHE_ENABLE"
PATH = "MS_COMPILER_CACHE_PATH"
_UNASKED = "MS_DEV_FORCE_USE_COMPILE_CACHE"  # whatever that hash is
_SCRIPT = "program.py"
_GRAPHS = "compile_cache_*.mindir"
_next = 0  # the number under which MindSpore looks for its next graph


def call_with_graph(
    cell: nn.Cell, batch: Sequence[Tensor], graph: bytes | None
) -> tuple[Any, bytes | None, bool]:
    """Call a cell that is yet to be compiled, with the graph that it had before, if there is one.

    Returns:
        What the cell gives; the graph that MindSpore has made, if it is one; and whether it has
        used the one given.
    """
    try:
        folder = _folder()
        before = _offer(folder, graph)
    except OSError:  # no room for temporary files
        return cell(*batch), None, False
    try:
        with _on(folder):
            result = cell(*batch)
        after = _written(folder)
        _count(after)
        made = next(iter(after)).read_bytes() if len(after) == 1 and after != before else None
        return result, made, graph is not None and after == before
    finally:
        _clear(folder)


def _offer(folder: Path, graph: bytes | None) -> dict[Path, int]:
    """Have MindSpore find this graph and no other; return the graphs that are there."""
    _clear(folder)
    if graph is not None:
        (folder / _GRAPHS.replace("*", str(_next))).write_bytes(graph)
    return _written(folder)


def _count(found: Iterable[Path]) -> None:
    global _next
    numbers = [int(path.stem.rpartition("_")[2]) for path in found]
    _next = max([_next, *numbers]) + 1


def _written(folder: Path) -> dict[Path, int]:
    """Return the graphs in a folder, with the time of writing."""
    return {path: path.stat().st_mtime_ns for path in folder.glob(_GRAPHS)}


def _clear(folder: Path) -> None:
    for path in folder.glob(_GRAPHS):
        path.unlink()


@contextmanager
def _on(folder: Path) -> Iterator[None]:
    """Switch the cache on, for whom the whole program is one file, always the same."""
    own = {ENABLE: "1", PATH: str(folder.parent.parent), _UNASKED: "1"}
    before = {name: os.environ.get(name) for name in own}
    script = api.entry_script_path
    try:
        os.environ.update(own)
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
    """Make this process's folder, which goes with it."""
    above = Path(tempfile.mkdtemp(prefix="freeze-trainer-graphs-"))
    atexit.register(shutil.rmtree, above, ignore_errors=True)
    folder = above / "rank_0" / "graph_cache"
    folder.mkdir(parents=True)
    (folder / _SCRIPT).write_text("# hashed by MindSpore in place of what is imported\n")
    return folder


def disable_foreign_cache() -> bool:
    """Tell whether another has set MindSpore's cache; it is off when this returns.

    What is set in the context wins over the environment, and cannot be taken back.
    """
    on, path = ms.get_context("enable_compile_cache"), ms.get_context("compile_cache_path")
    if on:
        ms.set_context(enable_compile_cache=False)
    return on is not None or bool(path)


def unbound_parameter(graph: bytes, cell: nn.Cell) -> str:
    """Return the name of a parameter in a graph that is none of the cell's; empty: there is none.

    MindSpore gives a graph that it reads the cell's parameters, by name; any others start at 0, and
    nobody hears of what becomes of them (2.10).
    """
    model = ModelProto()
    model.ParseFromString(graph)
    parts = [model.graph, *model.functions]
    inside = [p.name.partition(":")[2] for part in parts for p in part.parameter]
    known = [parameter.name for parameter in cell.get_parameters()]
    return next((name for name in inside if known.count(name) != 1), "")
