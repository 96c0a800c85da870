"""Depth: how far down a net each parameter lies, for a learning rate that decays. Pure Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # layout.py imports MindSpore, which takes 1.5 s
    from trainer.layout import Layout


def unit(cell: str) -> str:
    """Return the unit of the parameters that a cell owns: what shares one depth.

    The path up to its first number, so a whole block: ``layer1.0``, ``features.3``; else the cell.
    """
    parts = cell.split(".")
    for length, part in enumerate(parts, 1):
        if part.isdigit():
            return ".".join(parts[:length])
    return cell


def heights(layout: "Layout") -> dict[str, int]:
    """Return for each parameter how many units lie behind its own, in the order of definition."""
    units = {p.name: unit(p.cell) for p in layout.parameters if not p.statistic}
    order = {name: at for at, name in enumerate(reversed(dict.fromkeys(units.values())))}
    return {name: order[of] for name, of in units.items()}
