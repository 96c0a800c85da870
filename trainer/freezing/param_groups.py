"""Parameter groups: learning rates and weight decays of a plan, in MindSpore's form."""

from collections.abc import Mapping, Sequence
from typing import Any

from mindspore import Parameter

from trainer.freezing.plan import Plan, decays_by_default


def param_groups(
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
            decay = (
                float(spec.get("weight_decay", 0.0)) if decays_by_default(parameter.name) else 0.0
            )
        rate = float(spec["lr"]) * (planned.lr_factor or 1.0)
        found.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": chosen, "lr": rate, "weight_decay": decay}
        for (rate, decay), chosen in found.items()
    ]
