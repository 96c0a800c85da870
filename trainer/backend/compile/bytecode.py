"""Bytecode: what a function does, and the names that it refers to. Pure Python."""

import dis
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")
_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR")


def body(code: CodeType) -> list[Any]:
    """Return what distinguishes functions that begin on the same line, as plain data."""
    literals = [
        repr(c) for c in code.co_consts if isinstance(c, bool | int | float | str | bytes | tuple)
    ]
    inner = [body(c) for c in code.co_consts if isinstance(c, CodeType)]
    return [code.co_firstlineno, code.co_code.hex(), [*code.co_names], literals, inner]


def attributes(function: FunctionType | None) -> list[str]:
    """Return the names of the attributes that a function accesses, of whatever object."""
    return [] if function is None else sorted(_names(function.__code__, _ATTRIBUTE))


def referred(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the globals that a function refers to, and what it may use of those that are modules.

    An attribute counts for every module that has one of that name: one too many is better than one
    too few.
    """
    accessed = attributes(function)
    for name in sorted(_names(function.__code__, _GLOBAL)):
        if name in function.__globals__:
            value = function.__globals__[name]
            yield name, value
            if isinstance(value, ModuleType):
                for attribute in accessed:
                    if attribute in vars(value):
                        yield f"{name}.{attribute}", vars(value)[attribute]


def _names(code: CodeType, operations: tuple[str, ...]) -> set[str]:
    names = {i.argval for i in dis.get_instructions(code) if i.opname in operations}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant, operations)
    return names
