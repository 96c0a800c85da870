"""Learning-rate schedules for runs: the simplest of each kind."""


def linear(step: int, steps: int) -> float:
    """Fall from 1 to 0."""
    return 1 - step / steps
