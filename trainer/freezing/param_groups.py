"""Parameter groups: the learning rates and weight decays of a plan, in MindSpore's form."""

from collections.abc import Mapping, Sequence
from typing import Any

from mindspore import Parameter

from trainer.freezing.plan import ParameterPlan, Plan, decays_by_default


def param_groups(
    spec: Mapping[str, Any], parameters: Sequence[Parameter], plan: Plan
) -> list[Parameter] | list[dict[str, Any]]:
    """Return parameters in MindSpore's groups, or as a plain list if it treats them so anyway.

    Without groups MindSpore decays no parameter with gamma or beta in its name; with groups it
    decays all of them.

    Args:
        spec: the optimizer's settings; ``lr``, ``weight_decay`` and ``no_decay`` are read.
        parameters: the trainable ones, in the order of the plan.
        plan: has their factors and decays.
    """
    members = list(zip(parameters, plan.select("trainable"), strict=True))
    decays = [_decay(spec, parameter.name, planned) for parameter, planned in members]
    if _are_the_default(spec, members, decays):
        return list(parameters)
    groups: dict[tuple[float, float], list[Parameter]] = {}
    for (parameter, planned), decay in zip(members, decays, strict=True):
        rate = float(spec["lr"]) * (planned.lr_factor or 1.0)
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": group, "lr": rate, "weight_decay": decay}
        for (rate, decay), group in groups.items()
    ]


def _decay(spec: Mapping[str, Any], name: str, planned: ParameterPlan) -> float:
    """Return a parameter's weight decay: the plan's, or the optimizer's.

    Without ``no_decay``, MindSpore's rule decides on the latter, by the parameter's name.
    """
    if planned.weight_decay is not None:
        return planned.weight_decay
    decays = spec.get("no_decay") is not None or decays_by_default(name)
    return float(spec.get("weight_decay", 0.0)) if decays else 0.0


def _are_the_default(
    spec: Mapping[str, Any],
    members: Sequence[tuple[Parameter, ParameterPlan]],
    decays: Sequence[float],
) -> bool:
    """Tell whether MindSpore would treat the parameters like this without groups."""
    by_name = [_decay({**spec, "no_decay": None}, p.name, _UNPLANNED) for p, _ in members]
    return by_name == list(decays) and all(planned.lr_factor == 1 for _, planned in members)


_UNPLANNED = ParameterPlan("", (), 0, "trainable")
