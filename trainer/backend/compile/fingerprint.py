"""Fingerprint: a hash of all that a cell's graph is made from, but for its parameters' values.

Classes and functions count by the files that define them, with what they refer to; those of
MindSpore, NumPy and Python by their names, for whoever keeps fingerprints keeps versions, too.
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
from mindspore.ops import Primitive

from trainer.backend.compile import bytecode
from trainer.core import atomic_files

_TRUSTED = sys.stdlib_module_names | {"mindspore", "numpy", "pybind11_builtins"}
_ROOTS = ("construct", "bprop")  # what is compiled of a cell
# What MindSpore notes of any cell, and of one that it has called.
_OWN = frozenset(vars(nn.Cell())) | {
    "__compile_cell_hook__",
    "__parse_method__",
    "_func_graph_flags",
    "current_phase",
    "sequence_modified",
}
# What of that a graph depends on.
_TELLING = ("training", "_amp_level", "mixed_precision_type", "_jit_config_dict", "has_bprop")
_HOOKS = ("forward_pre_hook", "forward_hook", "backward_pre_hook", "backward_hook")


class NotComparable(Exception):
    """Something is of a kind that cannot be told from another by its value; the message says it."""


def of_cell(cell: nn.Cell, bound: Iterable[Parameter] = ()) -> str:
    """Return the SHA-256 of a cell: classes, attributes, flags, hooks, parameters' names and kinds.

    Args:
        cell: a net, a loss, or any other.
        bound: parameters besides the cell's own whose values do not matter either.

    Raises:
        Unknown: it holds, or refers to, what cannot be compared.
    """
    return _read([*cell.get_parameters(), *bound], lambda reader: reader.cell(cell))


def of_class(kind: type[nn.Cell]) -> str:
    """Return the SHA-256 of a class of cells.

    Raises:
        Unknown: it refers to what cannot be compared.
    """
    return _read([], lambda reader: reader.kind(kind))


def _read(free: Iterable[Parameter], read: "Callable[[_Reader], Any]") -> str:
    try:
        return atomic_files.checksum(read(_Reader(free)))
    except NotComparable:
        raise
    except Exception as error:  # of whatever code a net refers to
        raise NotComparable(f"it cannot be read: {error!r}"[:200]) from None


class _Reader:
    """Turns what a graph is made from into plain data; each thing once.

    Args:
        free: parameters whose values do not matter.
    """

    def __init__(self, free: Iterable[Parameter]) -> None:
        self._free = {id(parameter) for parameter in free}
        self._met: dict[int, tuple[int, Any]] = {}  # things stay alive, so that ids stay theirs
        self._digests: dict[str, str] = {}

    def cell(self, cell: nn.Cell) -> Any:
        """Describe a cell and all cells in it."""
        return self._once(cell, lambda: self._cell(cell))

    def _cell(self, cell: nn.Cell) -> Any:
        own = {name: value for name, value in vars(cell).items() if name not in _OWN}
        own |= {name: getattr(cell, name, None) for name in _TELLING}
        hooks = [[*(getattr(cell, f"_lazy_{name}", None) or {}).values()] for name in _HOOKS]
        flags = {**getattr(cell, "_func_graph_flags", {})}
        flags.pop("training", None)  # is there from the first call of set_train on
        held = [cell._primitives, cell._buffers, cell._params, cell._params_list, cell._cells]
        return [self.kind(type(cell)), self._value([own, flags, hooks, *held])]

    def kind(self, kind: type) -> Any:
        """Describe a class."""
        return self._once(kind, lambda: self._kind(kind))

    def _kind(self, kind: type) -> Any:
        names = [[c.__module__, c.__qualname__] for c in kind.__mro__]
        ours = [c for c in kind.__mro__ if not _trusted(c.__module__)]
        found = [self._file(c.__module__) for c in ours]
        roots = [root for root in _ROOTS if issubclass(kind, nn.Cell)]
        return [names, found, self._reached(kind, ours, roots)]

    def _reached(self, kind: type, ours: list[type], roots: list[str]) -> Any:
        """Describe the methods and constants of a class that its roots refer to."""
        found, wanted = {}, [*roots]
        for name in wanted:  # which grows
            if name in found or name in vars(nn.Cell) and name not in roots:
                continue
            parts = [vars(c)[name] for c in ours if name in vars(c)]
            found[name] = self._value(parts)
            for part in parts:
                wanted += bytecode.attributes(_function_of(part))
        return found

    def _value(self, value: Any) -> Any:
        """Describe a value of any kind."""
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
        return self._once(value, lambda: self._thing(value))

    def _thing(self, value: Any) -> Any:
        for kinds, read in self._readers():
            if isinstance(value, kinds):
                return [_name(value), read(value)]
        if dataclasses.is_dataclass(value) and hasattr(value, "__dict__"):
            return [self.kind(type(value)), self._value(vars(value))]
        if _is_known_by_name(value):
            return [value.__module__, value.__name__]
        raise NotComparable(f"of {_name(value)} it is not known what makes one differ from another")

    def _readers(self) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
        """Yield kinds and how they are described; the first that fits counts."""
        yield nn.Cell, self._cell
        yield Parameter, self._parameter
        yield Tensor, lambda tensor: self._array(tensor.asnumpy())
        yield np.ndarray | np.generic, self._array
        yield Primitive, lambda primitive: self._value([type(primitive), vars(primitive)])
        yield Initializer, lambda value: None  # has made a value, and is not used again
        yield Enum | np.dtype | typing.Type | MixedPrecisionType, str
        yield type, self._kind
        yield FunctionType, self._function
        yield MethodType, lambda method: self._value([method.__func__, method.__self__])
        yield staticmethod | classmethod, lambda method: self._value(method.__func__)
        yield property, lambda own: self._value([own.fget])
        yield functools.partial, lambda part: self._value([part.func, part.args, part.keywords])
        yield ModuleType, lambda module: [module.__name__, self._file(module.__name__)]

    def _parameter(self, parameter: Parameter) -> Any:
        kind = [parameter.name, list(parameter.shape), str(parameter.dtype)]
        value = None if id(parameter) in self._free else self._array(parameter.asnumpy())
        return [*kind, parameter.requires_grad, value]

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
        own = self._value([closure, inner.__defaults__, inner.__kwdefaults__])
        if _trusted(inner.__module__):
            return [names, own]
        used = [[name, self._value(value)] for name, value in bytecode.referred(inner)]
        return [names, own, self._file(inner.__module__), used]

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
        """Describe a thing where it is met first, and refer to that from elsewhere."""
        if id(value) in self._met:
            return ["met", self._met[id(value)][0]]
        self._met[id(value)] = (len(self._met), value)
        return describe()


def _trusted(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in _TRUSTED


def _is_known_by_name(value: Any) -> bool:
    """Tell whether it stands under its own name in a module of MindSpore, NumPy or Python."""
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", "")
    if not isinstance(module, str) or not _trusted(module):
        return False
    return getattr(sys.modules.get(module), name, None) is value


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is yet to be filled
        return None


def _function_of(value: Any) -> FunctionType | None:
    """Return the function in a class's attribute, if there is one."""
    inner = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    inner = inspect.unwrap(inner) if callable(inner) else inner
    return inner if isinstance(inner, FunctionType) else None
