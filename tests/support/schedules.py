"""Learning-rate schedules for runs: the simplest of each kind."""


def linear(step: int, steps: int) -> float:
    """Fall from 1 to 0."""
    return 1 - step / steps


def broken(step: int, steps: int) -> float:
    """Divide by 0 at the last step."""
    return 1 / (steps - 1 - step)


def negative(step: int, steps: int) -> float:
    """Fall below 0 at the last step."""
    return steps - 2.0 - step
