"""Call order: a model's tree with the order in which the model calls its layers."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mindspore import nn

from trainer.backend.graph import dry_run, module_tree
from trainer.backend.graph.module_tree import ModuleTree
from trainer.backend.graph.tracer import ExampleInput
from trainer.config.rules import Rule
from trainer.core.errors import ConfigError


def describe_in_call_order(
    model: nn.Cell, rules: Sequence[Rule], lr_decay: float, examples: Iterable[ExampleInput]
) -> ModuleTree:
    """Return a model's tree, with the order of its layers' calls if anything depends on it.

    Args:
        model: the model; it is left unchanged.
        rules: some of them may count layers.
        lr_decay: the factor per unit of depth; any factor but 1 counts layers.
        examples: what to run the model on; if it accepts none, the order stays unknown.
    """
    tree = module_tree.describe(model)
    if lr_decay == 1 and not any(rule.ordered for rule in rules):
        return tree
    return in_call_order(tree, model, examples)


def in_call_order(tree: ModuleTree, model: nn.Cell, examples: Iterable[ExampleInput]) -> ModuleTree:
    """Return a model's tree with the order of its layers' calls; see ``describe_in_call_order``."""
    owners = {cell for parameter in tree.parameters for cell in parameter.cells}
    return replace(tree, order=_call_order(model, owners, examples))


def _call_order(
    model: nn.Cell, names: Collection[str], examples: Iterable[ExampleInput]
) -> tuple[str, ...]:
    """Return cells in the order in which the model first calls them."""
    calls: list[str] = []

    def hook_for(name: str) -> Any:
        def hook(cell: nn.Cell, inputs: Any) -> None:
            calls.append(name)

        return hook

    cells = [(name, cell) for name, cell in model.cells_and_names() if name in names]
    handles = [cell.register_forward_pre_hook(hook_for(name)) for name, cell in cells]
    try:
        with dry_run.eager_mode(), dry_run.preserve_state(model), suppress(ConfigError):
            model.set_train(True)
            for _, (*inputs, _) in examples:
                calls.clear()
                with suppress(Exception):  # a model may raise anything
                    model(*inputs)
                    return tuple(dict.fromkeys(calls))
        return ()
    finally:
        for handle in handles:
            handle.remove()
