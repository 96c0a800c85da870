"""Optimizer: built over the trainable parameters only; its state carried over by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from mindspore import Parameter, nn

from trainer import build
from trainer.errors import Mistake


def make(spec: Mapping[str, Any], parameters: Sequence[Parameter]) -> nn.Optimizer:
    """Return the optimizer that ``spec`` describes.

    Args:
        spec: ``_target_``, a subclass of ``mindspore.nn.Optimizer``; ``lr``, which that class calls
            ``learning_rate``; and whatever else it takes.
        parameters: the trainable parameters.

    Raises:
        Mistake: the class does not exist, or refused its arguments.
    """
    options = {("learning_rate" if key == "lr" else key): value for key, value in spec.items()}
    optimizer = build.build("optimizer", options, list(parameters))
    if not isinstance(optimizer, nn.Optimizer):
        kind = type(optimizer).__name__
        raise Mistake([f"optimizer: expected a mindspore.nn.Optimizer, received a {kind}"])
    return optimizer


def state(optimizer: nn.Optimizer) -> dict[str, Parameter]:
    """Return the optimizer's own parameters by name: moments and the like, not the weights."""
    weights = {id(parameter) for parameter in optimizer.parameters}
    return {
        p.name: p
        for p in optimizer.get_parameters()
        if id(p) not in weights and p.name != "learning_rate"
    }


def carry_over(old: nn.Optimizer, new: nn.Optimizer) -> None:
    """Give ``new`` the state that ``old`` has under the same names; the rest starts fresh."""
    before = state(old)
    for name, parameter in state(new).items():
        if name in before and before[name].shape == parameter.shape:
            parameter.set_data(before[name].value())
