"""Exponential: the learning rate is multiplied by the same number at each step."""


def exponential(
    step: int, steps: int, decay_steps: int, decay_rate: float = 0.9, min_factor: float = 0.0
) -> float:
    """Return the factor of PyTorch's ``ExponentialLR(decay_rate ** (1 / decay_steps))``.

    It is ``decay_rate`` after ``decay_steps`` steps, and at least the least factor.
    """
    return float(max(decay_rate ** (step / decay_steps), min_factor))
