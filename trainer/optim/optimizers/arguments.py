"""Arguments that the optimizers share: what they may be, and what they mean for each parameter."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from mindspore import Parameter, nn

Groups: TypeAlias = Sequence[Parameter] | Sequence[dict[str, Any]]


def check_betas(betas: Sequence[float]) -> None:
    """Refuse decays of averages that are not two numbers from 0 to below 1.

    Raises:
        ValueError: they are not.
    """
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas: expected two numbers from 0 to below 1, received {list(betas)}")


def check_eps(eps: float) -> None:
    """Refuse what would divide 0 by 0 where a gradient is 0.

    Raises:
        ValueError: it is not above 0.
    """
    if not eps > 0:
        raise ValueError(f"eps: expected a number above 0, received {eps}")


def decays(optimizer: nn.Optimizer) -> tuple[float, ...]:
    """Return the weight decay of each parameter: that of its group, or MindSpore's default."""
    if optimizer.is_group:
        return tuple(map(float, optimizer.group_weight_decay))
    decay = float(optimizer.weight_decay.asnumpy())
    return tuple(decay if flag else 0.0 for flag in optimizer.decay_flags)
