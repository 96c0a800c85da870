"""Layer depth: how far each parameter is from the head, for layer-wise learning-rate decay.

Pure Python.
"""

from typing import TYPE_CHECKING

from trainer.freezing.selection import layers

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree


def unit(cell: str) -> str:
    """Return the unit that a cell belongs to; the parameters of one unit share one depth.

    It is the path up to the first number, so a whole block: ``layer1.0``, ``features.3``. A path
    without a number is a unit of its own.
    """
    parts = cell.split(".")
    for length, part in enumerate(parts, 1):
        if part.isdigit():
            return ".".join(parts[:length])
    return cell


def depth_from_head(tree: "ModuleTree") -> dict[str, int]:
    """Return for each parameter the number of units between its own unit and the head."""
    units = dict.fromkeys(unit(name) for name in layers(tree))
    depths = {name: depth for depth, name in enumerate(reversed(units))}
    return {p.name: depths[unit(p.cell)] for p in tree.parameters if not p.statistic}
