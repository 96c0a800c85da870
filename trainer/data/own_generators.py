"""Own generators: random generators that Python code of a pipeline holds itself.

Only ``random`` and ``np.random`` are seeded for each epoch. The state of any other generator is not
saved, so that a resumed run draws other numbers.
"""

import random
from collections.abc import Iterator, Mapping
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import mindspore.dataset as ds
import numpy as np

_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
_SEEDED = {id(getattr(f, "__self__", None)) for f in (random.random, np.random.rand)}
_METHODS = ("__call__", "__getitem__", "__iter__")  # what a pipeline calls of an object
_DEPTH = 6  # of references, from the operation to its generator
_ITEMS = 100  # looked at in each list


def holders(pipeline: ds.Dataset) -> list[str]:
    """Return the operations of a pipeline whose Python code holds a generator."""
    return list(dict.fromkeys(_holders(pipeline)))


def _holders(node: ds.Dataset) -> Iterator[str]:
    names = ("source", "operations", "per_batch_map")
    if any(_holds_generator(getattr(node, name, None), set(), _DEPTH) for name in names):
        yield type(node).__name__.strip("_").removesuffix("Dataset").lower()
    for child in node.children:
        yield from _holders(child)


def _holds_generator(value: Any, seen: set[int], depth: int) -> bool:
    if isinstance(value, _GENERATORS):
        return id(value) not in _SEEDED
    if id(value) in seen or not depth:
        return False
    seen.add(id(value))
    return any(_holds_generator(other, seen, depth - 1) for other in _references(value))


def _references(value: Any) -> Iterator[Any]:
    """Yield what a value refers to and may draw from."""
    if isinstance(value, type | ModuleType | np.ndarray | str | bytes):
        return
    if type(value).__module__.startswith("trainer."):  # the shipped sources seed theirs
        return
    if isinstance(value, FunctionType):
        yield from _references_of_function(value)
    elif isinstance(value, MethodType | BuiltinFunctionType):
        yield value.__self__
        yield getattr(value, "__func__", None)
    elif isinstance(value, partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, list | tuple):
        yield from value[:_ITEMS]
    elif isinstance(value, Mapping):
        yield from list(value.values())[:_ITEMS]
    else:
        yield from getattr(value, "__dict__", {}).values()
        yield from (getattr(type(value), name, None) for name in _METHODS)


def _references_of_function(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    for name in _global_names(function.__code__):
        yield function.__globals__.get(name)


def _global_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)
