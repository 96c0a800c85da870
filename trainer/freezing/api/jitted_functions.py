"""Jitted functions: those whose compiled graphs run a model, as far as they can be found."""

import gc
import re
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from mindspore import nn
from mindspore.graph import api

# A jitted function's graph is identified by module, function, file, line, and numbers.
_PHASE = re.compile(r"(.+?)\.(/.+\.py)\.(\d+)\.")


def graphs(cells: Collection[int]) -> Iterator[tuple[str, str]]:
    """Yield the graphs of jitted functions that use any of some cells, with the function's name.

    A function uses what it names or has in its closure, directly or through other functions; a
    method that reaches its model through ``self`` is not found.

    Args:
        cells: identities of the cells.
    """
    if not api.ms_compile_cache:
        return
    functions_at: dict[tuple[str, int], list[FunctionType]] = {}
    for instance in gc.get_objects():
        if type(instance) is FunctionType:
            code = instance.__code__
            place = code.co_filename, code.co_firstlineno
            functions_at.setdefault(place, []).append(instance)
    for phase in sorted(api.ms_compile_cache):
        if match := _PHASE.match(phase):
            functions = functions_at.get((match[2], int(match[3])), [])
            if any(_uses(function, cells) for function in functions):
                yield phase, f"{match[1]} ({match[2]}:{match[3]})"


def _uses(function: FunctionType, cells: Collection[int]) -> bool:
    """Tell whether a function refers to any of some cells, directly or through others."""
    visited = set[int]()
    pending: list[Any] = [function]
    while pending:
        value = pending.pop()
        if id(value) in visited:
            continue
        visited.add(id(value))
        if issubclass(type(value), nn.Cell):
            if any(id(inner) in cells for _, inner in value.cells_and_names()):
                return True
        else:
            pending += _references(value)
    return False


def _references(value: Any) -> Iterable[Any]:
    """Return what a function, method, partial or sequence holds or names."""
    if type(value) is FunctionType:
        closure = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        named = [value.__globals__.get(name) for name in value.__code__.co_names]
        return [*closure, *named]
    if type(value) is MethodType:
        return [value.__func__, value.__self__]
    if type(value) is partial:
        return [value.func, *value.args, *value.keywords.values()]
    return value if type(value) in (tuple, list) else ()


def _is_filled(cell: Any) -> bool:
    """Tell whether a closure's cell has a value yet."""
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
