"""Boundary: where the part of a net that stays the same ends. Pure Python."""

from collections.abc import Collection
from dataclasses import dataclass

from trainer.backend.graph import flops as work
from trainer.backend.graph.autograd_graph import AutogradGraph


@dataclass(frozen=True)
class Boundary:
    """Cells of a net by what becomes of them when features are stored.

    Attributes:
        stored: their outputs are stored, and given back in their place.
        hollow: need not be computed; nothing reaches the loss from them but through those.
        work: multiply-adds of convolutions and matrix products that are saved, for the samples that
            the lineage was made from.
    """

    stored: tuple[str, ...]
    hollow: tuple[str, ...]
    work: int


def find(
    lineage: AutogradGraph,
    trained: Collection[str],
    still: Collection[str],
    storable: Collection[str],
    hollow: Collection[str],
) -> Boundary:
    """Return the boundary that lies nearest to the loss.

    Args:
        lineage: of the loss, for which all cells were noted.
        trained: names of the parameters that are not frozen.
        still: names of the cells that have put out the same for other values of those.
        storable: of those the ones whose output can be stored: called once, a row for each sample.
        hollow: of those the ones whose output can be made up.
    """
    fed = work.dependents(lineage, trained, set(lineage.nodes))
    kept = {name for name in still if fed.isdisjoint(lineage.outputs.get(name, ()))}
    ends = {node: name for name in kept & {*storable} for node in lineage.outputs.get(name, ())}
    seen, stored = _walk(lineage, ends)
    needed = {name for name, nodes in lineage.outputs.items() if not seen.isdisjoint(nodes)}
    idle = [
        name
        for name in lineage.outputs
        if name in kept and name in hollow
        if not any(_related(name, other) for other in needed | stored)
    ]
    outermost = [name for name in idle if not any(name.startswith(f"{o}.") for o in idle)]
    order = [name for name in lineage.outputs if name in stored]
    return Boundary(
        tuple(order), tuple(outermost), work.forward(lineage, set(lineage.nodes) - seen)
    )


def _walk(lineage: AutogradGraph, ends: dict[int, str]) -> tuple[set[int], set[str]]:
    """Return the nodes from the loss back to where it meets stored cells, and those cells."""
    seen, stored = set[int](), set[str]()
    left = [] if lineage.loss is None else [lineage.loss]
    while left:
        at = left.pop()
        if at in ends:
            stored.add(ends[at])
        elif at not in seen:
            seen.add(at)
            left += lineage.nodes[at].inputs
    return seen, stored


def _related(name: str, other: str) -> bool:
    """Tell whether a cell is another, or lies in it, or holds it."""
    return name == other or name.startswith(f"{other}.") or other.startswith(f"{name}.")
