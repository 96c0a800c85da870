"""Inverse square root: the learning rate falls with the root of the steps since the peak."""

import math


def inverse_sqrt(step: int, steps: int, decay_steps: int, min_factor: float = 0.0) -> float:
    """Return the root of ``decay_steps / (decay_steps + step)``, at least the least factor.

    If ``decay_steps`` is the length of the warm-up, this is the schedule of "Attention Is All You
    Need", and Hugging Face's ``get_inverse_sqrt_schedule``.
    """
    return max(math.sqrt(decay_steps / (decay_steps + step)), min_factor)
