"""Linear: a straight line from the learning rate down to the least one."""


def linear(step: int, steps: int, min_factor: float = 0.0) -> float:
    """Return the factor of PyTorch's ``LinearLR(1, end_factor=min_factor, total_iters=steps)``.

    The least rate belongs to step ``steps``, which is not taken; the last step is just above it.
    """
    return 1.0 + (min_factor - 1.0) * min(step, steps) / steps
