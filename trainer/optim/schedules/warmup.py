"""Warm-up: the linear rise of the learning rate before a schedule begins."""


def warmup(step: int, steps: int, start: float) -> float:
    """Return the factor at a step of a warm-up: ``start`` at step 0, 1 at the first step after it.

    As PyTorch's ``LinearLR(start_factor=start, total_iters=steps)``, which refuses a start of 0.

    Args:
        step: below ``steps``.
        steps: of the warm-up.
        start: the first factor.
    """
    return start + (1.0 - start) * step / steps
