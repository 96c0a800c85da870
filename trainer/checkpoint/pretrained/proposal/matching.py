"""Matching: which layer of a model each layer of a file is, by shapes and names. Pure Python.

Two layers correspond if they are the only ones of their shapes where they stand, or if all that
have these shapes have the same names or numbers on both sides. The order alone decides nothing:
layers of one shape would be swapped without an error.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trainer.checkpoint.pretrained.proposal.name_tree import Layer, Node, Shape, is_usual

_Classes = dict[tuple[Layer, ...], list[Node]]


@dataclass
class Match:
    """What corresponds.

    Attributes:
        names: the model's by the file's, of all tensors that are settled.
        renames: the path in the model by the path in the file, of each module and layer, both
            below the next larger modules that correspond.
        unsettled: layers of the file, and those of the model that have the same shapes.
        left: layers of the file and of the model that have no counterpart.
    """

    names: dict[str, str] = field(default_factory=dict)
    renames: dict[tuple[str, str], None] = field(default_factory=dict)
    unsettled: list[tuple[list[str], list[str]]] = field(default_factory=list)
    left: tuple[list[Node], list[Node]] = field(default_factory=lambda: ([], []))


def match(theirs: Node, own: Node) -> Match:
    """Return what corresponds in the trees of a file and of a model."""
    result = Match()
    _children(_parts(theirs), _parts(own), (_inside(theirs), _inside(own)), result)
    return result


def _parts(node: Node) -> list[Node]:
    return list(node.children or (node,))


def _children(theirs: list[Node], own: list[Node], scope: tuple[str, str], result: Match) -> None:
    """Match nodes that stand in modules that correspond; open those that have no counterpart."""
    while True:
        pairs, theirs, own = _settled(theirs, own, result)
        for one, other in pairs:
            _pair(one, other, scope, result)
        if not any(node.children for node in (*theirs, *own)):
            break
        theirs, own = _opened(theirs), _opened(own)
    _tensors(theirs, own, scope, result)
    result.left[0].extend(n for n in theirs if not result.names.keys() >= set(n.leaves.values()))
    matched = set(result.names.values())
    result.left[1].extend(n for n in own if not matched.issuperset(n.leaves.values()))


def _pair(one: Node, other: Node, scope: tuple[str, str], result: Match) -> None:
    _note_rename(one.path, other.path, scope, result)
    if one.children:
        inner = _inside(one), _inside(other)
        _children(list(one.children), list(other.children), inner, result)
    result.names |= {name: other.leaves[leaf] for leaf, name in one.leaves.items()}


def _tensors(
    theirs: Sequence[Node], own: Sequence[Node], scope: tuple[str, str], result: Match
) -> None:
    """Match single tensors of layers without a counterpart, if no others have their shapes.

    Two with usual names are left out: they correspond only if all tensors of their layers do.
    """
    first, second = _by_shape(theirs), _by_shape(own)
    for shape, names in first.items():
        if len(names) == len(second.get(shape, ())) == 1:
            (one,), (other,) = names, second[shape]
            if is_usual(one) and is_usual(other):
                continue
            result.names[one] = other
            _note_rename(one, other, scope, result)


def _by_shape(nodes: Sequence[Node]) -> dict[Shape, list[str]]:
    names: dict[Shape, list[str]] = {}
    for node in nodes:
        for leaf, shape in (pair for layer in node.content for pair in layer):
            names.setdefault(shape, []).append(node.leaves[leaf])
    return names


def _note_rename(one: str, other: str, scope: tuple[str, str], result: Match) -> None:
    result.renames[one.removeprefix(scope[0]), other.removeprefix(scope[1])] = None


def _inside(node: Node) -> str:
    """Return what the paths in a module begin with."""
    return f"{node.path}." if node.path else ""


def _settled(
    theirs: list[Node], own: list[Node], result: Match
) -> tuple[list[tuple[Node, Node]], list[Node], list[Node]]:
    """Return the pairs of nodes that are settled, and the nodes that have no counterpart."""
    first, second = _classes(theirs), _classes(own)
    shared = {c for c in first if len(first[c]) == len(second.get(c, ()))}
    while True:  # a layer may also be one of those that are inside a node without counterpart
        left = _layers(first, shared) | _layers(second, shared)
        if not (doubtful := {c for c in shared if left.intersection(c)}):
            break
        shared -= doubtful
    pairs = []
    for content in (c for c in first if c in shared):
        if by_name := _by_name(first[content], second[content]):
            pairs += by_name
        else:
            paths = [[node.path for node in nodes[content]] for nodes in (first, second)]
            result.unsettled.append((paths[0], paths[1]))
    rest = [[n for n in nodes if n.content not in shared] for nodes in (theirs, own)]
    return pairs, rest[0], rest[1]


def _classes(nodes: Iterable[Node]) -> _Classes:
    classes: _Classes = {}
    for node in nodes:
        classes.setdefault(node.content, []).append(node)
    return classes


def _layers(classes: _Classes, without: set[tuple[Layer, ...]]) -> set[Layer]:
    """Return the layers in all nodes, except those of some classes."""
    return {layer for content in classes if content not in without for layer in content}


def _opened(nodes: Sequence[Node]) -> list[Node]:
    return [part for node in nodes for part in _parts(node)]


def _by_name(theirs: Sequence[Node], own: Sequence[Node]) -> list[tuple[Node, Node]]:
    """Return the pairs of nodes that are alike; empty if their names do not settle them."""
    if len(theirs) == len(own) == 1:
        return [(theirs[0], own[0])]
    for key in (_names, _numbers):
        first, second = key(theirs), key(own)
        if first and first.keys() == second.keys():
            return [(first[name], second[name]) for name in first]
    return []


def _names(nodes: Sequence[Node]) -> Mapping[str, Node]:
    """Return nodes by name; empty if two have the same."""
    by_name = {node.name: node for node in nodes}
    return by_name if len(by_name) == len(nodes) else {}


def _numbers(nodes: Sequence[Node]) -> Mapping[str, Node]:
    """Return nodes by the number in their names; empty if they differ in more."""
    found = [re.fullmatch(r"(.*?)(\d+)", node.name) for node in nodes]
    if not all(found) or len({m[1] for m in found if m}) != 1:
        return {}
    by_number = {m[2]: node for m, node in zip(found, nodes, strict=True) if m}
    return by_number if len(by_number) == len(nodes) else {}
