"""`freeze`: freeze part of a model that a hand-written loop trains."""

import os
from collections.abc import Sequence
from functools import partial

import mindspore as ms
from mindspore import nn

from trainer.backend import device
from trainer.backend.graph import call_order, tracer
from trainer.backend.graph.example_inputs import Inputs, example_inputs
from trainer.backend.graph.reachability import unreachable_parameters
from trainer.config.rules import Rule
from trainer.core.errors import ConfigError
from trainer.core.text import first_line
from trainer.freezing import validation
from trainer.freezing.api import python_rules
from trainer.freezing.api.frozen import Frozen, has_frozen_cells
from trainer.freezing.plan import Plan

__all__ = ["Frozen", "freeze"]

# What a model raises for inputs that do not fit it.
_INPUT_ERRORS = (TypeError, ValueError, RuntimeError, IndexError)


def freeze(
    net: nn.Cell,
    rules: python_rules.Rules,
    method: str = "stop_gradient",
    norm: str = "eval",
    inputs: Inputs | None = None,
) -> Frozen:
    """Freeze part of a model, before its optimizer is built and anything is compiled.

    Args:
        net: the model, any cell; frozen in place until ``undo``.
        rules: one or several dotted names, globs or ``re:REGEX``; or rules as in ``conf/policy``:
            ``[{"select": "head", "method": "train"}, {}]``.
        method: ``stop_gradient`` cuts the graph behind the selected cells and freezes everything
            upstream too; ``requires_grad`` freezes only what is selected.
        norm: ``eval``: normalisation in the frozen part keeps its statistics; ``train``: it
            updates them as in training.
        inputs: a tensor, a shape like ``(2, 3, 224, 224)`` (samples first, float32), or a list of
            them, for a dry run. Only a cut needs it, and only if the model accepts no guess.

    Raises:
        ConfigError: the rules do not fit, the model is already frozen, or ``inputs`` is needed.
    """
    _check_not_frozen(net)
    device.load_numpy_interface()
    return Frozen(net, _plan(net, python_rules.parse(rules, method, norm), inputs))


def _check_not_frozen(net: nn.Cell) -> None:
    """Raise a configuration error if a model must not be frozen now."""
    if not isinstance(net, nn.Cell):
        raise ConfigError([f"net: expected a mindspore.nn.Cell, received a {type(net).__name__}"])
    if has_frozen_cells(net):
        raise ConfigError(
            ["net: expected a model that is not frozen, received a frozen one; call undo() first"]
        )
    by_environment = os.environ.get("MS_COMPILER_CACHE_ENABLE", "0") != "0"
    if by_environment or ms.get_context("enable_compile_cache"):
        raise ConfigError(
            [
                "MS_COMPILER_CACHE_ENABLE: expected MindSpore's compile cache to be off, because "
                "its key ignores what is frozen and a graph that trains it may be reused"
            ]
        )


def _plan(net: nn.Cell, rules: Sequence[Rule], inputs: Inputs | None) -> Plan:
    tree = call_order.describe_in_call_order(net, rules, 1.0, example_inputs(net, inputs))
    if problems := validation.problems(rules, tree):
        raise ConfigError(problems)
    return validation.validated_plan(rules, tree, partial(_find_upstream, net, inputs))


def _find_upstream(net: nn.Cell, inputs: Inputs | None, plan: Plan) -> frozenset[str]:
    """Return what the cuts of a plan put out of the gradient's reach."""
    try:
        graph = tracer.trace(net, example_inputs(net, inputs), plan.cuts)
    except _INPUT_ERRORS as error:
        if inputs is None:
            raise
        raise ConfigError(
            [f"inputs: expected inputs that the model accepts: {first_line(error)}"]
        ) from None
    return unreachable_parameters(graph, plan.cuts, plan.cut_methods)
