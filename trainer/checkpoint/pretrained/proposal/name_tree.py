"""Name tree: dotted names with their shapes as a tree of layers. Pure Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Shape: TypeAlias = tuple[int, ...]
Layer: TypeAlias = tuple[tuple[str, Shape], ...]  # shapes by PyTorch's leaf names, sorted

# PyTorch's leaves for MindSpore's.
_LEAVES = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "embedding_table": "weight",
}


_USUAL = {*_LEAVES, *_LEAVES.values()}


@dataclass(frozen=True)
class Node:
    """A layer, or a module with several.

    Attributes:
        name: its part of the path, below the next module that holds several layers.
        path: from the root.
        content: all layers in it, sorted: equal for modules that differ in names and nesting only.
        children: empty for a layer.
        leaves: the tensors of a layer, by PyTorch's leaf names.
    """

    name: str
    path: str
    content: tuple[Layer, ...]
    children: tuple["Node", ...] = ()
    leaves: Mapping[str, str] = field(default_factory=dict)


def build(shapes: Mapping[str, Shape]) -> Node:
    """Return the tree of names.

    Modules that hold nothing but one other module are left out, because wrappers differ between
    implementations of a model.
    """
    return _node("", "", shapes)


def is_usual(name: str) -> bool:
    """Tell whether a tensor has the name that it has in many kinds of layers."""
    return name.rpartition(".")[2] in _USUAL


def _node(name: str, path: str, shapes: Mapping[str, Shape]) -> Node:
    """Return the node of all names below a path."""
    prefix = f"{path}." if path else ""
    below: dict[str, dict[str, Shape]] = {}
    own: dict[str, Shape] = {}
    for full, shape in shapes.items():
        part, dot, _ = full.removeprefix(prefix).partition(".")
        (below.setdefault(part, {}) if dot else own)[full] = shape
    children = [_node(part, prefix + part, names) for part, names in below.items()]
    if own:
        children.append(_layer(name, path, own))
    if len(children) == 1:
        only = children[0]
        return Node(name, only.path, only.content, only.children, only.leaves)
    content = tuple(sorted(layer for child in children for layer in child.content))
    return Node(name, path, content, tuple(children))


def _layer(name: str, path: str, shapes: Mapping[str, Shape]) -> Node:
    leaves = {}
    for full in shapes:
        leaf = full.rpartition(".")[2]
        leaves[_LEAVES.get(leaf, leaf)] = full
    content = tuple(sorted((leaf, shapes[full]) for leaf, full in leaves.items()))
    return Node(name, path, (content,), leaves=leaves)
