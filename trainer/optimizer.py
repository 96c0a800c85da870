"""Optimizer: built over the trainable parameters only; its state carried over by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from mindspore import Parameter, nn

from trainer import build
from trainer.errors import Mistake
from trainer.plan import Plan, decays


def make(
    spec: Mapping[str, Any], parameters: Sequence[Parameter], plan: Plan | None = None
) -> nn.Optimizer:
    """Return the optimizer that ``spec`` describes.

    Args:
        spec: ``_target_``, a subclass of ``mindspore.nn.Optimizer``; ``lr``, which that class calls
            ``learning_rate``; and whatever else it takes.
        parameters: the trainable parameters.
        plan: says which of them, in its order, have a learning rate or weight decay of their own.

    Raises:
        Mistake: the class does not exist, or refused its arguments.
    """
    options = {("learning_rate" if key == "lr" else key): value for key, value in spec.items()}
    given = groups(spec, parameters, plan) if plan else list(parameters)
    optimizer = build.build("optimizer", options, given)
    if not isinstance(optimizer, nn.Optimizer):
        kind = type(optimizer).__name__
        raise Mistake([f"optimizer: expected a mindspore.nn.Optimizer, received a {kind}"])
    return optimizer


def groups(
    spec: Mapping[str, Any], parameters: Sequence[Parameter], plan: Plan
) -> list[Parameter] | list[dict[str, Any]]:
    """Return parameters in MindSpore's groups; plainly, where all are treated alike.

    Without groups MindSpore decays neither what is called gamma nor beta; with groups it decays
    all, so that these get a group without decay here, unless a rule says otherwise.
    """
    if not any(p.weight_decay is not None or p.lr_factor != 1 for p in plan.select("trainable")):
        return list(parameters)
    found: dict[tuple[float, float], list[Parameter]] = {}
    for parameter, planned in zip(parameters, plan.select("trainable"), strict=True):
        decay = planned.weight_decay
        if decay is None:
            decay = float(spec.get("weight_decay", 0.0)) if decays(parameter.name) else 0.0
        rate = float(spec["lr"]) * (planned.lr_factor or 1.0)
        found.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": chosen, "lr": rate, "weight_decay": decay}
        for (rate, decay), chosen in found.items()
    ]


def state(optimizer: nn.Optimizer) -> dict[str, Parameter]:
    """Return the optimizer's own parameters by name: moments and the like, not the weights."""
    weights = {id(parameter) for parameter in optimizer.parameters}
    return {
        p.name: p
        for p in optimizer.get_parameters()
        if id(p) not in weights and not p.name.startswith("learning_rate")
    }


def carry_over(old: nn.Optimizer, new: nn.Optimizer) -> None:
    """Give ``new`` the state that ``old`` has under the same names; the rest starts fresh."""
    before = state(old)
    for name, parameter in state(new).items():
        if name in before and before[name].shape == parameter.shape:
            parameter.set_data(before[name].value())
