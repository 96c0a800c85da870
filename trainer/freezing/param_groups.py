"""Parameter groups: the learning rates and weight decays of a plan, in MindSpore's form."""

from collections.abc import Mapping, Sequence
from typing import Any

from mindspore import Parameter

from trainer.freezing.plan import Plan, decays_by_default


def param_groups(
    spec: Mapping[str, Any], parameters: Sequence[Parameter], plan: Plan
) -> list[Parameter] | list[dict[str, Any]]:
    """Return parameters in MindSpore's groups, or as a plain list if all are treated alike.

    Without groups MindSpore decays no parameter named gamma or beta; with groups it decays all of
    them. So they get a group without decay here, unless a rule says otherwise.

    Args:
        spec: the optimizer's settings; ``lr`` and ``weight_decay`` are read.
        parameters: the trainable ones, in the order of the plan.
        plan: has their factors and decays.
    """
    if not any(p.weight_decay is not None or p.lr_factor != 1 for p in plan.select("trainable")):
        return list(parameters)
    groups: dict[tuple[float, float], list[Parameter]] = {}
    for parameter, planned in zip(parameters, plan.select("trainable"), strict=True):
        decay = planned.weight_decay
        if decay is None:
            default = float(spec.get("weight_decay", 0.0))
            decay = default if decays_by_default(parameter.name) else 0.0
        rate = float(spec["lr"]) * (planned.lr_factor or 1.0)
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": members, "lr": rate, "weight_decay": decay}
        for (rate, decay), members in groups.items()
    ]
