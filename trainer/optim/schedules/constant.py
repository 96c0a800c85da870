"""Constant: the learning rate stays what it is after the warm-up."""


def constant(step: int, steps: int) -> float:
    """Return 1."""
    return 1.0
