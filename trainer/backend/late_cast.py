"""Late cast: a subclass of a cell's class that casts its float16 parameters just before their use.

MindSpore's own mixed precision casts a parameter as soon as a graph begins, because that depends on
no input. All casts of a model then exist at once, and take twice the memory that float16 saves.
"""

import ast
import hashlib
import inspect
import linecache
import textwrap
from collections.abc import Callable, Collection, Iterator
from typing import Any

import mindspore as ms
from mindspore import nn, ops

_CAST = ops.Cast()
# Cast again for the backward pass; otherwise all casts exist until then.
_CAST.add_prim_attr("recompute", True)


def subclass_with_late_casts(
    base: type[nn.Cell], own: Collection[str], inner: Collection[str] = ()
) -> type[nn.Cell] | None:
    """Return a subclass of ``base`` that computes with float32 copies of float16 parameters.

    In its construct, and in the methods that this calls, ``self.NAME`` is replaced by a cast that
    waits for the first input. The graph parser reads source text, so that of the new methods is
    registered where Python's ``inspect`` finds it, as the module ``attrs`` does with its methods.

    Args:
        base: the class; a cell is given the subclass as its ``__class__``.
        own: names of the attributes that hold the parameters.
        inner: dotted names of those of inner cells, which the class may use as well.

    Returns:
        None if the source does not show where it uses each of ``own``, or any.
    """
    methods, replaced = dict[str, Callable[..., Any]](), set[str]()
    for definition, original in _called_methods(base):
        uses = _Uses({*own, *inner}, _first_input(definition))
        tree = ast.fix_missing_locations(uses.visit(ast.Module([definition], [])))
        if uses.replaced:
            methods[definition.name] = _compiled(tree, original)
        replaced |= uses.replaced
    if not replaced or set(own) - replaced:
        return None
    members = {**methods, "_late_cast": _late_cast, "__module__": __name__}
    return type(f"Half{base.__name__}", (base,), members)


# Compiled into the graph, so it is simple.
def _late_cast(self: Any, parameter: Any, value: Any) -> Any:
    return _CAST(ops.depend(parameter, value), ms.float32)


def _called_methods(
    base: type[nn.Cell],
) -> Iterator[tuple[ast.FunctionDef, Callable[..., Any]]]:
    """Yield construct and the methods that it calls, each as source and as a function."""
    names = ["construct"]
    for name in names:  # this list grows
        function = getattr(base, name, None)
        if not inspect.isfunction(function) or hasattr(nn.Cell, name) and name != "construct":
            continue
        definition = _definition(function)
        if definition is not None:
            called = {node.attr for node in ast.walk(definition) if isinstance(node, ast.Attribute)}
            names += sorted(called - set(names))
            yield definition, function


def _definition(function: Callable[..., Any]) -> ast.FunctionDef | None:
    """Return the source of a plain method that refers to nothing but globals."""
    if function.__closure__:  # super() needs one
        return None
    try:
        (statement,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, SyntaxError, ValueError):
        return None
    if not isinstance(statement, ast.FunctionDef) or statement.decorator_list:
        return None
    arguments = statement.args.args
    return statement if arguments and arguments[0].arg == "self" else None


def _first_input(definition: ast.FunctionDef) -> str:
    """Return the name of the first input without a default; ``self`` if there is none."""
    arguments = definition.args
    required = arguments.args[: len(arguments.args) - len(arguments.defaults)]
    return required[1].arg if len(required) > 1 else "self"


def _compiled(tree: ast.Module, original: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of a source, with the globals and the name of the original."""
    source, name = ast.unparse(tree) + "\n", original.__qualname__
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    file = f"<{original.__module__}.{name} with late casts, {digest}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    scope: dict[str, Any] = {}
    exec(compile(source, file, "exec"), original.__globals__, scope)
    function: Callable[..., Any] = scope[original.__name__]
    function.__qualname__ = name
    return function


class _Uses(ast.NodeTransformer):
    """Replaces the uses of parameters by dotted name, without the leading ``self``.

    Attributes:
        replaced: names of those that are used.
    """

    def __init__(self, names: Collection[str], after: str) -> None:
        self._names = names
        self._after = after
        self.replaced: set[str] = set()

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Replace ``self.NAME`` if it is read; without an input there is nothing to wait for."""
        name = ast.unparse(node).removeprefix("self.")
        if name not in self._names or not isinstance(node.ctx, ast.Load):
            return self.generic_visit(node)
        self.replaced.add(name)
        after = node if self._after == "self" else ast.Name(self._after, ast.Load())
        cast = ast.Attribute(ast.Name("self", ast.Load()), "_late_cast", ast.Load())
        return ast.Call(cast, [node, after], [])
