"""One cycle: from a low learning rate up to the peak and down to almost nothing, by cosines."""

import math


def one_cycle(
    step: int,
    steps: int,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> float:
    """Return the factor of PyTorch's ``OneCycleLR(total_steps=steps, cycle_momentum=False)``.

    The last step has the least rate. (PyTorch's other phases and linear form are left out.)

    Args:
        step: counts from 0.
        steps: of the whole cycle.
        pct_start: share of the steps in which the rate rises.
        div_factor: the peak divided by the first factor.
        final_div_factor: the first factor divided by the last.
    """
    first = 1.0 / div_factor
    peak_step, last_step = pct_start * steps - 1.0, float(steps - 1)
    if step < peak_step:
        return _anneal(first, 1.0, step / peak_step)
    if last_step == peak_step:
        return 1.0
    share = min((step - peak_step) / (last_step - peak_step), 1.0)
    return _anneal(1.0, first / final_div_factor, share)


def _anneal(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * share))
