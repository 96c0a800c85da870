"""Coverage: every tensor of a model is frozen, a buffer, or in the optimizer exactly once."""

from collections import Counter

from mindspore import nn

from trainer.core.errors import NotCovered
from trainer.core.text import shorten
from trainer.freezing.plan import Plan


def check_coverage(model: nn.Cell, plan: Plan, optimizer: nn.Optimizer) -> None:
    """Check that what a plan trains is in the optimizer once, and that nothing else is.

    Raises:
        NotCovered: names the tensors that are not.
    """
    names = {id(p): name for name, p in model.parameters_and_names()}
    held = Counter(names.get(id(p), f"{p.name} (of no cell)") for p in optimizer.parameters)
    trainable = set(plan.names("trainable"))
    faults = {
        "in the model but not in the plan": set(names.values()) - {p.name for p in plan.parameters},
        "trainable but not in the optimizer": trainable - held.keys(),
        "in the optimizer but not trainable": held.keys() - trainable,
        "in the optimizer more than once": {name for name, count in held.items() if count > 1},
    }
    problems = [
        f"optimizer: expected every tensor to be frozen, a buffer or in the optimizer once, "
        f"received {len(tensors)} {fault}: {shorten(sorted(tensors))}"
        for fault, tensors in faults.items()
        if tensors
    ]
    if problems:
        raise NotCovered(problems)
