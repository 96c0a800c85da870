"""Depth: how far down a net each parameter lies, for a learning rate that decays. Pure Python."""

from typing import TYPE_CHECKING

from trainer.freezing.selection import layers

if TYPE_CHECKING:  # layout.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree


def unit(cell: str) -> str:
    """Return the unit of the parameters that a cell owns: what shares one depth.

    The path up to its first number, so a whole block: ``layer1.0``, ``features.3``; else the cell.
    """
    parts = cell.split(".")
    for length, part in enumerate(parts, 1):
        if part.isdigit():
            return ".".join(parts[:length])
    return cell


def depth_from_head(layout: "ModuleTree") -> dict[str, int]:
    """Return for each parameter how many units lie between its own and the head."""
    units = dict.fromkeys(unit(name) for name in layers(layout))
    order = {name: at for at, name in enumerate(reversed(units))}
    return {p.name: order[unit(p.cell)] for p in layout.parameters if not p.statistic}
