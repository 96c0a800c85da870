"""Learning-rate schedules for runs: the simplest of each kind, and settings of a small run."""

# 4 steps per epoch
SMALL = ("experiment=seed_mindspore", "batch_size=2", "dataset.samples=8", "optimizer.lr=0.01")


def linear(step: int, steps: int) -> float:
    """Fall from 1 to 0."""
    return 1 - step / steps


def broken(step: int, steps: int) -> float:
    """Divide by 0 at the last step."""
    return 1 / (steps - 1 - step)


def negative(step: int, steps: int) -> float:
    """Fall below 0 at the last step."""
    return steps - 2.0 - step
