"""Fingerprint: a hash of everything that a cell's graph is made from, except parameter values.

Classes and functions are hashed by the files that define them, with what they refer to. Those of
MindSpore, NumPy and Python are hashed by their names, because whoever stores fingerprints stores
the versions as well.
"""

import dataclasses
import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from mindspore import Parameter, Tensor, nn
from mindspore._c_expression import MixedPrecisionType, typing
from mindspore.common.initializer import Initializer
from mindspore.ops import MultitypeFuncGraph, Primitive

from trainer.backend.compile import bytecode
from trainer.core import atomic_files

_TRUSTED = sys.stdlib_module_names | {"mindspore", "numpy", "pybind11_builtins"}
_ROOTS = ("construct", "bprop")  # what is compiled of a cell
# Attributes that MindSpore sets on every cell, and on one that it has called.
_INTERNAL = frozenset(vars(nn.Cell())) | {
    "__compile_cell_hook__",
    "__parse_method__",
    "_func_graph_flags",
    "current_phase",
    "sequence_modified",
}
# Those of them that a graph depends on.
_RELEVANT = ("training", "_amp_level", "mixed_precision_type", "_jit_config_dict", "has_bprop")
_HOOKS = ("forward_pre_hook", "forward_hook", "backward_pre_hook", "backward_hook")


class NotComparable(Exception):
    """Something is of a type whose values cannot be compared; the message names it."""


def of_cell(cell: nn.Cell, bound: Iterable[Parameter] = ()) -> str:
    """Return the SHA-256 of a cell: classes, attributes, flags, hooks, parameters' names and types.

    Args:
        cell: a model, a loss, or any other.
        bound: further parameters, besides the cell's own, whose values do not matter.

    Raises:
        NotComparable: it contains, or refers to, what cannot be compared.
    """
    return _read([*cell.get_parameters(), *bound], lambda reader: reader.describe_cell(cell))


def of_class(cls: type[nn.Cell]) -> str:
    """Return the SHA-256 of a class of cells.

    Raises:
        NotComparable: it refers to what cannot be compared.
    """
    return _read([], lambda reader: reader.describe_class(cls))


def _read(free: Iterable[Parameter], read: "Callable[[_Reader], Any]") -> str:
    try:
        return atomic_files.checksum(read(_Reader(free)))
    except NotComparable:
        raise
    except Exception as error:  # any error of the code that a model refers to
        raise NotComparable(f"it cannot be read: {error!r}"[:200]) from None


class _Reader:
    """Turns what a graph is made from into plain data, each object once.

    Args:
        free: parameters whose values do not matter.
    """

    def __init__(self, free: Iterable[Parameter]) -> None:
        self._free = {id(parameter) for parameter in free}
        # By id, with the object itself, which stays alive so that its id stays its own.
        self._visited: dict[int, tuple[int, Any]] = {}
        self._digests: dict[str, str] = {}

    def describe_cell(self, cell: nn.Cell) -> Any:
        """Describe a cell and all cells in it."""
        return self._once(cell, lambda: self._cell(cell))

    def _cell(self, cell: nn.Cell) -> Any:
        attributes = {name: value for name, value in vars(cell).items() if name not in _INTERNAL}
        attributes |= {name: getattr(cell, name, None) for name in _RELEVANT}
        hooks = [[*(getattr(cell, f"_lazy_{name}", None) or {}).values()] for name in _HOOKS]
        flags = {**getattr(cell, "_func_graph_flags", {})}
        flags.pop("training", None)  # it appears with the first call of set_train
        members = [cell._primitives, cell._buffers, cell._params, cell._params_list, cell._cells]
        return [self.describe_class(type(cell)), self._value([attributes, flags, hooks, *members])]

    def describe_class(self, cls: type) -> Any:
        """Describe a class."""
        return self._once(cls, lambda: self._class(cls))

    def _class(self, cls: type) -> Any:
        names = [[c.__module__, c.__qualname__] for c in cls.__mro__]
        custom = [c for c in cls.__mro__ if not _trusted(c.__module__)]
        files = [self._file(c.__module__) for c in custom]
        roots = [root for root in _ROOTS if issubclass(cls, nn.Cell)]
        return [names, files, self._members(custom, roots)]

    def _members(self, classes: list[type], roots: list[str]) -> Any:
        """Describe the methods and constants of some classes that the roots refer to."""
        described, names = {}, [*roots]
        for name in names:  # this list grows
            if name in described or name in vars(nn.Cell) and name not in roots:
                continue
            definitions = [vars(c)[name] for c in classes if name in vars(c)]
            described[name] = self._value(definitions)
            for definition in definitions:
                names += bytecode.attributes(_function_of(definition))
        return described

    def _value(self, value: Any) -> Any:
        """Describe a value of any type."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) in (float, complex, bytes, range, slice, type(...)):
            return [type(value).__name__, repr(value)]
        if isinstance(value, list | tuple):
            return [_name(value), [self._value(item) for item in value]]
        if isinstance(value, Mapping):
            pairs = [[self._value(k), self._value(v)] for k, v in value.items()]
            return [_name(value), pairs]
        if isinstance(value, set | frozenset):
            return [_name(value), sorted(atomic_files.dumps(self._value(item)) for item in value)]
        return self._once(value, lambda: self._object(value))

    def _object(self, value: Any) -> Any:
        for types, read in self._readers():
            if isinstance(value, types):
                return [_name(value), read(value)]
        if dataclasses.is_dataclass(value) and hasattr(value, "__dict__"):
            return [self.describe_class(type(value)), self._value(vars(value))]
        if _is_known_by_name(value):
            return [_module(value), value.__name__]
        raise NotComparable(f"it is not known how one {_name(value)} differs from another")

    def _readers(self) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
        """Yield types and how their values are described; the first that fits counts."""
        yield nn.Cell, self._cell
        yield Parameter, self._parameter
        yield Tensor, lambda tensor: self._array(tensor.asnumpy())
        yield np.ndarray | np.generic, self._array
        yield Primitive, lambda primitive: self._value([type(primitive), vars(primitive)])
        yield Initializer, lambda value: None  # it has made its value and is not used again
        yield Enum | np.dtype | typing.Type | MixedPrecisionType, str
        yield type, self._class
        yield FunctionType, self._function
        yield MethodType, lambda method: self._value([method.__func__, method.__self__])
        yield staticmethod | classmethod, lambda method: self._value(method.__func__)
        yield property, lambda value: self._value([value.fget])
        yield MultitypeFuncGraph, lambda graph: self._value([graph.entries, graph.default_func])
        yield functools.partial, lambda part: self._value([part.func, part.args, part.keywords])
        yield ModuleType, lambda module: [module.__name__, self._file(module.__name__)]

    def _parameter(self, parameter: Parameter) -> Any:
        spec = [parameter.name, list(parameter.shape), str(parameter.dtype)]
        value = None if id(parameter) in self._free else self._array(parameter.asnumpy())
        return [*spec, parameter.requires_grad, value]

    def _array(self, array: Any) -> Any:
        array = np.asarray(array)
        if array.dtype.hasobject:
            raise NotComparable("an array of objects has no bytes to compare")
        return [str(array.dtype), list(array.shape), atomic_files.sha256(array.tobytes())]

    def _function(self, function: FunctionType) -> Any:
        """Describe a function with what it refers to."""
        inner = inspect.unwrap(function)
        assert isinstance(inner, FunctionType)
        names = [inner.__module__, inner.__qualname__, bytecode.body(inner.__code__)]
        closure = [_content(cell) for cell in inner.__closure__ or ()]
        bound = self._value([closure, inner.__defaults__, inner.__kwdefaults__])
        if _trusted(inner.__module__):
            return [names, bound]
        referred = [[name, self._value(value)] for name, value in bytecode.referred(inner)]
        return [names, bound, self._file(inner.__module__), referred]

    def _file(self, module: str) -> str:
        """Return the SHA-256 of the file that defines a module; empty where its name is enough."""
        if _trusted(module):
            return ""
        if module not in self._digests:
            path = getattr(sys.modules.get(module), "__file__", None)
            if path is None or not Path(path).is_file():
                raise NotComparable(f"no file is known that defines {module}")
            self._digests[module] = atomic_files.digest(Path(path))
        return self._digests[module]

    def _once(self, value: Any, describe: Callable[[], Any]) -> Any:
        """Describe an object at its first occurrence, and refer to that from the others."""
        if id(value) in self._visited:
            return ["met", self._visited[id(value)][0]]
        self._visited[id(value)] = (len(self._visited), value)
        return describe()


def _trusted(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in _TRUSTED


def _is_known_by_name(value: Any) -> bool:
    """Tell whether a module of MindSpore, NumPy or Python has the value under its own name."""
    module, name = _module(value), getattr(value, "__name__", "")
    if module is None or not _trusted(module):
        return False
    return getattr(sys.modules.get(module), name, None) is value


def _module(value: Any) -> str | None:
    module = getattr(value, "__module__", None)
    if module is None and isinstance(value, np.ufunc):  # NumPy 1's do not have it
        return "numpy"
    return module if isinstance(module, str) else None


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is not filled yet
        return None


def _function_of(value: Any) -> FunctionType | None:
    """Return the function in a class's attribute; None if there is none."""
    inner = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    inner = inspect.unwrap(inner) if callable(inner) else inner
    return inner if isinstance(inner, FunctionType) else None
