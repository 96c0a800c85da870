"""Functions: the jitted functions whose graphs run a net, as far as they can be found."""

import gc
import re
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from mindspore import nn
from mindspore.graph import api

# A jitted function's graph is known by module, function, file, line, and numbers.
_PHASE = re.compile(r"(.+?)\.(/.+\.py)\.(\d+)\.")


def graphs(cells: Collection[int]) -> Iterator[tuple[str, str]]:
    """Yield the graphs of functions that lead to any of some cells, each with the function's name.

    A function leads to what it names or has in its closure, directly or by other functions; a
    method that finds its net through ``self`` does not show.
    """
    if not api.ms_compile_cache:
        return
    places: dict[tuple[str, int], list[FunctionType]] = {}
    for each in gc.get_objects():
        if type(each) is FunctionType:
            code = each.__code__
            places.setdefault((code.co_filename, code.co_firstlineno), []).append(each)
    for phase in sorted(api.ms_compile_cache):
        if match := _PHASE.match(phase):
            found = places.get((match[2], int(match[3])), [])
            if any(_leads_to(function, cells) for function in found):
                yield phase, f"{match[1]} ({match[2]}:{match[3]})"


def _leads_to(start: FunctionType, cells: Collection[int]) -> bool:
    seen = set[int]()
    left: list[Any] = [start]
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if issubclass(type(each), nn.Cell):
            if any(id(inner) in cells for _, inner in each.cells_and_names()):
                return True
        else:
            left += _named(each)
    return False


def _named(each: Any) -> Iterable[Any]:
    """Return what a function, method, partial or sequence holds or names."""
    if type(each) is FunctionType:
        closed = [cell.cell_contents for cell in each.__closure__ or () if _is_full(cell)]
        names = [each.__globals__.get(name) for name in each.__code__.co_names]
        return [*closed, *names]
    if type(each) is MethodType:
        return [each.__func__, each.__self__]
    if type(each) is partial:
        return [each.func, *each.args, *each.keywords.values()]
    return each if type(each) in (tuple, list) else ()


def _is_full(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
