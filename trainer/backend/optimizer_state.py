"""Optimizer state: what an optimizer keeps in addition to the weights."""

from mindspore import Parameter, nn


def optimizer_state(optimizer: nn.Optimizer) -> dict[str, Parameter]:
    """Return the optimizer's own parameters by name: moments and the like, not the weights."""
    weights = {id(parameter) for parameter in optimizer.parameters}
    return {
        p.name: p
        for p in optimizer.get_parameters()
        if id(p) not in weights and not p.name.startswith("learning_rate")
    }


def learning_rates(optimizer: nn.Optimizer) -> list[Parameter]:
    """Return an optimizer's learning rates: one, or one for each of its groups."""
    weights = {id(parameter) for parameter in optimizer.parameters}
    return [
        p
        for p in optimizer.get_parameters()
        if id(p) not in weights and p.name.startswith("learning_rate")
    ]
