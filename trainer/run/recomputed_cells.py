"""Recomputed cells: those that ``device.recompute`` names, and what forbids it."""

from collections.abc import Iterator, Sequence

import mindspore as ms

from trainer.backend import dropout, execution_mode
from trainer.backend.graph.module_tree import ModuleTree
from trainer.config.rules import matches
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.core.text import shorten
from trainer.freezing.gradient_cuts import topmost
from trainer.freezing.plan import Plan
from trainer.freezing.selection import expand_all, with_ancestors
from trainer.run.components import Preflight


def names(settings: Settings, tree: ModuleTree) -> tuple[str, ...]:
    """Return the topmost cells that the patterns match, in order of definition.

    A container that is never called stands for the cells in it.
    """
    patterns = expand_all(settings.device.recompute, tree)
    cells = {
        cell.name
        for cell in tree.cells
        if cell.called and any(matches(p, n) for p in patterns for n in (cell.name, *cell.aliases))
    }
    return topmost(tree, cells)


def check(settings: Settings, checked: Preflight, plan: Plan, repeatable: bool) -> None:
    """Check that a second forward pass of the cells would compute the same and change nothing.

    Args:
        settings: of the run.
        checked: the model; its dropout is repeatable by now.
        plan: of the run.
        repeatable: whether the model draws nothing at random besides its dropout.

    Raises:
        ConfigError: it would not.
    """
    cells = names(settings, checked.tree)
    problems = list(_problems(settings, checked, plan, cells, repeatable)) if cells else []
    if settings.device.recompute and not cells:
        problems.append(
            "device.recompute: expected patterns that match a cell, received "
            f"{shorten(settings.device.recompute)}, which match only parameters"
        )
    if problems:
        raise ConfigError(problems)


def _problems(
    settings: Settings, checked: Preflight, plan: Plan, cells: Sequence[str], repeatable: bool
) -> Iterator[str]:
    statistics = {p.name for p in checked.tree.parameters if p.statistic}
    moving = [n for n in plan.names("buffer") if n in statistics and _is_beneath(n, cells)]
    if moving:
        yield (
            "device.recompute: expected cells whose running statistics stay constant, because the "
            f"second pass would update them again, received {shorten(moving)}; leave these cells "
            "out, or hold their statistics (norm: eval in a rule of policy.rules)"
        )
    if execution_mode.compiles():
        return
    drawing = [
        name
        for name, cell in checked.model.cells_and_names()
        if _is_beneath(name, cells) and not _is_beneath(name, plan.inference)
        if dropout.is_repeatable(cell)
    ]
    if drawing or not repeatable:
        yield (
            "device.recompute: expected cells that draw nothing at random with device.mode=eager, "
            f"because the second pass would draw again, received "
            f"{shorten(drawing) if drawing else 'a model that does'}; use device.mode=graph"
        )


def _is_beneath(name: str, cells: Sequence[str]) -> bool:
    return not set(with_ancestors(name)).isdisjoint(cells)


def rows(settings: Settings, tree: ModuleTree) -> list[tuple[str, str]]:
    """Return what the first screen says of the cells."""
    cells = names(settings, tree)
    if not cells:
        return []
    shown = [("recompute", f"activations of {shorten(cells)}")]
    if ms.get_context("device_target") == "CPU" and execution_mode.compiles():
        why = "what is compiled for a CPU saves little memory by it, and takes longer"
        shown.append(("", f"warning: {why} (device.recompute is for Ascend and device.mode=eager)"))
    return shown
