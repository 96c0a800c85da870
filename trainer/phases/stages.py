"""Stages: the parts of a model from input to head, which phases freeze one after another.

Pure Python.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from trainer.freezing.selection import (
    ROOT,
    ancestors,
    child_cells,
    enclosing_cells,
    layers,
    with_ancestors,
)

if TYPE_CHECKING:  # module_tree.py imports MindSpore, which takes 1.5 s
    from trainer.backend.graph.module_tree import ModuleTree, ParameterInfo

_MANY = 3  # cells of one class with several layers each are stages if there are this many


@dataclass(frozen=True)
class Stage:
    """A part of a model.

    Attributes:
        name: of its largest cell, for messages.
        select: the fewest names of cells and parameters that a rule selects it by.
        owned: names of parameters in it that the model itself owns: no cut freezes them.
        size: number of values.
    """

    name: str
    select: tuple[str, ...]
    owned: tuple[str, ...] = ()
    size: int = 0


def find_stages(tree: "ModuleTree", excluded: Collection[str] = ()) -> list[Stage]:
    """Return the stages of a model from input to head; the last one is the head.

    Stages are the children of the deepest cell that holds most of the layers and has several
    children with several layers each: ``layer1`` of a ResNet, ``encoder.layer.0``, ``features.3``.
    Without such a cell each layer is one. The layers before the first of them are the stem, those
    after the last a stage before the head, which is one layer. Normalisation belongs to the stage
    before it, and a weight with several names to the last stage that uses it.

    Args:
        tree: the model, in the order in which it calls its layers.
        excluded: names of parameters that belong to no stage, such as those always frozen.
    """
    weights = [p for p in tree.parameters if not p.statistic]
    norms = {cell for p in weights for cell in p.cells}
    norms -= {cell for p in weights if not p.role.startswith("norm_") for cell in p.cells}
    groups = _with_head(_groups(tree, norms), norms)
    at = {cell: number for number, group in enumerate(groups) for cell in group}
    stage_of = {
        p: max(at[cell] for cell in p.cells)
        for p in weights
        if p.trainable and p.name not in excluded
    }
    stages = (_stage(tree, group, stage_of, number) for number, group in enumerate(groups))
    return [stage for stage in stages if stage.select]


def merge(stages: Sequence[Stage], count: int) -> list[Stage]:
    """Return at most ``count`` stages: neighbours put together, except for the head.

    Args:
        stages: from input to head.
        count: 1 or more.
    """
    *body, head = stages
    parts = min(count - 1, len(body))
    if parts == len(body):
        return [*stages]
    if parts < 1:
        return [_together([*body, head])]
    bounds = [round(at * len(body) / parts) for at in range(parts + 1)]
    pairs = zip(bounds, bounds[1:], strict=False)
    return [*(_together(body[low:high]) for low, high in pairs), head]


def _together(stages: Sequence[Stage]) -> Stage:
    if len(stages) == 1:
        return stages[0]
    return Stage(
        name=f"{stages[0].name}-{stages[-1].name}",
        select=tuple(name for stage in stages for name in stage.select),
        owned=tuple(name for stage in stages for name in stage.owned),
        size=sum(stage.size for stage in stages),
    )


def _groups(tree: "ModuleTree", norms: Collection[str]) -> list[list[str]]:
    """Return the layers of each stage, in the order of their calls."""
    order = layers(tree)
    cells = _stage_cells(tree, [layer for layer in order if layer not in norms])
    keys = [next((c for c in with_ancestors(layer) if c in cells), "") for layer in order]
    if not any(keys):
        return _one_each(order, norms)
    within = [at for at, key in enumerate(keys) if key]
    first, end = within[0], within[-1] + 1
    stem, rest = order[:first], order[end:]
    body: dict[str, list[str]] = {}
    current = ""
    for layer, key in zip(order[first:end], keys[first:end], strict=True):
        current = key or current
        body.setdefault(current, []).append(layer)
    behind = list(takewhile(norms.__contains__, rest))
    body[current] += behind
    return [group for group in (stem, *body.values(), rest[len(behind) :]) if group]


def _one_each(order: Sequence[str], norms: Collection[str]) -> list[list[str]]:
    """Return each layer with the normalisation behind it."""
    groups: list[list[str]] = []
    for layer in order:
        if not groups or (layer not in norms and any(other not in norms for other in groups[-1])):
            groups.append([])
        groups[-1].append(layer)
    return groups


def _stage_cells(tree: "ModuleTree", order: Sequence[str]) -> set[str]:
    """Return the cells that are stages; none: each layer is one.

    Args:
        tree: the model.
        order: its layers without normalisation.
    """
    counts = Counter(cell for layer in order for cell in with_ancestors(layer))
    kinds = {cell.name: cell.kind for cell in tree.cells}
    parent, total = ROOT, len(order)
    while large := [cell for cell in child_cells(parent, tree) if counts[cell] > 1]:
        most = max(large, key=counts.__getitem__)
        alike = Counter(kinds[cell] for cell in large).most_common(1)[0][1]
        is_list = all(cell.rpartition(".")[2].isdigit() for cell in large)
        if len(large) > 1 and (is_list or alike >= _MANY or 2 * counts[most] <= total):
            return set(large)
        parent, total = most, counts[most]
    return set()


def _with_head(groups: list[list[str]], norms: Collection[str]) -> list[list[str]]:
    """Return groups of layers, of which the last is one layer with the normalisation behind it."""
    *body, tail = groups or [[]]
    own = [at for at, layer in enumerate(tail) if layer not in norms]
    start = own[-1] if own else 0
    return [*body, *filter(None, (tail[:start], tail[start:]))]


def _stage(
    tree: "ModuleTree", group: Sequence[str], stage_of: Mapping["ParameterInfo", int], at: int
) -> Stage:
    """Return a stage, for which a rule can name whole cells where they belong to no other."""
    held: dict[str, set[int]] = {}
    for parameter, number in stage_of.items():
        for cell in enclosing_cells(parameter):
            held.setdefault(cell, set()).add(number)
    around = {cell for layer in group for cell in with_ancestors(layer)}
    cells: list[str] = []
    for cell in (info.name for info in tree.cells if info.name in around):
        if held.get(cell) == {at} and not any(above in cells for above in ancestors(cell)):
            cells.append(cell)
    members = [p for p, number in stage_of.items() if number == at]
    names = [p.name for p in members if enclosing_cells(p).isdisjoint(cells)]
    sizes = Counter(names)
    for parameter in members:
        sizes.update(dict.fromkeys(enclosing_cells(parameter).intersection(cells), parameter.size))
    select = tuple(cells + names)
    largest = max(select, key=sizes.__getitem__, default="")
    owned = tuple(p.name for p in members if not p.cell)
    return Stage(largest, select, owned, sum(p.size for p in members))
