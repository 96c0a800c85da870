"""Polynomial: a power of the share of steps that remains."""


def polynomial(step: int, steps: int, power: float = 2.0, min_factor: float = 0.0) -> float:
    """Return the factor of PyTorch's ``PolynomialLR(total_iters=steps)``, above a least one.

    The least rate belongs to step ``steps``, which is not taken; the last step is just above it.
    """
    remaining = 1.0 - min(step, steps) / steps
    return float(min_factor + (1.0 - min_factor) * remaining**power)
