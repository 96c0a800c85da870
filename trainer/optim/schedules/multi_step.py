"""Multi-step: the learning rate is multiplied by the decay rate at each milestone."""

from bisect import bisect_right
from collections.abc import Sequence


def multi_step(
    step: int,
    steps: int,
    milestone_steps: Sequence[int],
    decay_rate: float = 0.1,
    min_factor: float = 0.0,
) -> float:
    """Return the factor of PyTorch's ``MultiStepLR(milestone_steps, gamma=decay_rate)``.

    The step of a milestone is the first with the lower rate. Milestones are in ascending order.
    """
    return float(max(decay_rate ** bisect_right(milestone_steps, step), min_factor))
