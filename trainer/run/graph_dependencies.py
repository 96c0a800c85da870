"""Graph dependencies: what the graphs of a run depend on, besides its settings, as plain data."""

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from mindspore import nn

from trainer.backend.compile import fingerprint
from trainer.backend.compile.fingerprint import NotComparable
from trainer.engine.update import StepOptions
from trainer.run.components import RunComponents


def of_step(
    net: nn.Cell, components: RunComponents, optimizer: nn.Optimizer, options: StepOptions
) -> dict[str, Any]:
    """Return what a step's graph depends on.

    Args:
        net: the model, or what stands in its place.
        components: of the run.
        optimizer: updates the weights.
        options: what the step does in addition.
    """
    state = [[p.name, list(p.shape), str(p.dtype)] for p in optimizer.get_parameters()]
    return {
        **of_forward(net, components),
        "loss": _of(components.loss, components),
        "optimizer": [fingerprint.of_class(type(optimizer)), state],
        "options": asdict(options),
    }


def of_forward(net: nn.Cell, components: RunComponents) -> dict[str, Any]:
    """Return what the graph of a forward pass depends on."""
    return {"net": _of(net, components)}


def of_model(components: RunComponents) -> str | None:
    """Return a hash of model and loss, except their parameters' values; None: it is not known."""
    with suppress(NotComparable):
        return fingerprint.of_cell(components.model) + fingerprint.of_cell(components.loss)
    return None


def _of(cell: nn.Cell, components: RunComponents) -> str:
    count = components.dropout_count
    return fingerprint.of_cell(cell, [count] if count is not None else [])
