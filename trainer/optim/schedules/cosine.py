"""Cosine: half a cosine wave from the learning rate down to the least one."""

import math


def cosine(step: int, steps: int, min_factor: float = 0.0) -> float:
    """Return the factor of PyTorch's ``CosineAnnealingLR(T_max=steps)``.

    The least rate belongs to step ``steps``, which is not taken; the last step is just above it.
    """
    share = min(step, steps) / steps
    return min_factor + (1.0 - min_factor) * 0.5 * (1.0 + math.cos(math.pi * share))
