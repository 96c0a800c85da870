"""Compile errors: what MindSpore's graph compiler rejects in a model, in one message."""

import inspect
import os
import re
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mindspore as ms
from mindspore import nn

from trainer.backend import execution_mode
from trainer.core.errors import ConfigError
from trainer.core.text import first_line

_REPORTS = "MS_OM_PATH"  # where MindSpore writes rank_0/om/analyze_fail.ir; else the current folder
_LOCATION = re.compile(r"In file (\S[^\n]*?\.py):(\d+)")
_LIBRARIES = (Path(ms.__file__).parent, Path(__file__).parents[2])
_CALLS_PER_CELL = 10  # a SequentialCell takes two for each of its cells
_MIN_CALLS = 1000  # MindSpore's default


@contextmanager
def as_config_error(cell: nn.Cell) -> Iterator[None]:
    """Turn an error of the compiler into a ConfigError; nothing is left in the current folder.

    Args:
        cell: what is compiled in the block, for the message.

    Raises:
        ConfigError: the compiler rejects the model's code.
    """
    with tempfile.TemporaryDirectory(prefix="freeze-trainer-compile-") as folder:
        before = os.environ.get(_REPORTS)
        os.environ[_REPORTS] = before or folder
        try:
            yield
        except Exception as error:
            if not _is_compiling(error):
                raise
            raise ConfigError([_problem(cell, error)]) from None
        finally:
            os.environ.pop(_REPORTS)
            if before is not None:
                os.environ[_REPORTS] = before


def reported(cell: nn.Cell) -> Callable[..., Any]:
    """Return a cell's executable; the compiler's errors at its first call are ConfigErrors."""
    run, is_compiled = execution_mode.executable(cell), False

    def call(*inputs: Any) -> Any:
        nonlocal is_compiled
        if is_compiled:
            return run(*inputs)
        with as_config_error(cell):
            result = run(*inputs)
        is_compiled = True
        return result

    return call


def allow_depth(model: nn.Cell) -> None:
    """Let the compiler follow as many nested calls as a model of this size has.

    MindSpore counts the cells of a sequence as nested, so its default suffices for 490 of them.
    4,000 layers compile with a limit of 40,000 in the 8 MB of stack that a process has.
    """
    ms.set_recursion_limit(max(_MIN_CALLS, _CALLS_PER_CELL * len(list(model.cells_and_names()))))


def _is_compiling(error: BaseException) -> bool:
    """Tell whether an error was raised while MindSpore compiled, and not by what it then ran."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(f.name == "compile" and _LIBRARIES[0] in Path(f.filename).parents for f in frames)


def _problem(cell: nn.Cell, error: Exception) -> str:
    cells = [part for _, part in cell.cells_and_names()]
    own = [c for c in cells if not _is_library(_source(type(c)))]
    names = dict.fromkeys(f"{type(c).__module__}.{type(c).__qualname__}" for c in own or cells)
    expected = "expected code that MindSpore's graph compiler accepts"
    received = f"received {next(iter(names))}{_where(error)}"
    return f"model or loss: {expected}, {received}: {_advice(own, error)}"


def _where(error: Exception) -> str:
    """Return the last line of the user's code that the compiler names; empty if it names none."""
    places = [(Path(file), line) for file, line in _LOCATION.findall(str(error))]
    own = [f"{file}:{line}" for file, line in places if not _is_library(file)]
    return f", {own[-1]}" if own else ""


def _advice(cells: list[nn.Cell], error: Exception) -> str:
    for cell in cells:
        name = next(iter(inspect.signature(type(cell).construct).parameters), "self")
        if name != "self":
            where = f"{type(cell).__qualname__}.construct"
            why = f"{where} calls its first argument {name!r}"
            return f"{why}; rename it to 'self' ({first_line(error)})"
    return (
        f"{first_line(error)}; change what construct does there, since it is compiled, which "
        "takes a part of Python only; device.mode=eager runs all of Python"
    )


def _source(kind: type) -> Path:
    try:
        return Path(inspect.getfile(kind))
    except (OSError, TypeError):  # it was written at a prompt
        return Path()


def _is_library(file: Path) -> bool:
    return any(folder in file.parents for folder in _LIBRARIES)
