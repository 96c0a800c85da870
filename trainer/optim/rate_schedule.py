"""Rate schedule: the learning rates of an optimizer's groups at each step, in float64."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from mindspore import nn
from numpy.typing import NDArray

from trainer.backend.optimizer_state import learning_rates
from trainer.freezing.plan import Plan
from trainer.optim.schedule import Factor, check_factor, constant_factor

# The learning rate of each group of an optimizer, by the number of the optimizer step from 0.
Rates: TypeAlias = Callable[[int], NDArray[np.float64]]


_MOST_EVALUATED = 100_000  # steps among which the peak is looked for


class RateSchedule:
    """The learning rates of a run: the peak rate, times a group's factor, times the schedule's.

    It remembers the step that was asked for last, which is the one that is being taken.

    Args:
        lr: the peak learning rate.
        lr_factors: the factors on it that a policy gives to parameters.
        factor: the schedule's.
        steps_taken: by a run that resumes.
    """

    def __init__(
        self,
        lr: float,
        lr_factors: Iterable[float] = (1.0,),
        factor: Factor = constant_factor,
        steps_taken: int = 0,
    ) -> None:
        self.lr_factors = tuple(sorted(set(lr_factors), reverse=True)) or (1.0,)
        self._lr = lr
        self._factor = factor
        self._phase_factor: Factor = constant_factor
        self._step = max(steps_taken - 1, 0)
        self._latest = self._factor_at(self._step)

    def begin_phase(self, lr_factors: Iterable[float], factor: Factor) -> None:
        """Begin a phase of the run, which has other groups and a factor of its own."""
        self.lr_factors = tuple(sorted(set(lr_factors), reverse=True)) or (1.0,)
        self._phase_factor = factor
        self._latest = self._factor_at(self._step)

    def of(self, optimizer: nn.Optimizer) -> Rates:
        """Return the rates of an optimizer's groups, in the order of its learning rates.

        An optimizer holds them in float32; those of the settings are taken in float64, so that a
        rate is rounded once. A rate that the settings do not give is taken as the optimizer has it.
        """
        exact = {float(np.float32(rate)): rate for rate in map(self._peak, self.lr_factors)}
        present = [float(rate.asnumpy()) for rate in learning_rates(optimizer)]
        base = np.array([exact.get(rate, rate) for rate in present], np.float64)

        def rates(step: int) -> NDArray[np.float64]:
            self._step, self._latest = step, self._factor_at(step)
            return base * self._latest

        return rates

    def by_label(self, step: int | None = None) -> dict[str, float]:
        """Return the rates of a step by label; None: as they were asked for last.

        After an evaluation those of a plateau may be others, although no step was taken.
        """
        factor = self._latest if step is None else self._factor_at(step)
        return {label(each): self._peak(each) * factor for each in self.lr_factors}

    def rate_at(self, step: int) -> float:
        """Return the rate of a step of the present phase where the factor on it is 1."""
        return self._lr * self._factor_at(step)

    def scheduled_at(self, step: int) -> float:
        """Return the rate of a step of the run without the factors of its phases."""
        factor = self._factor(step)
        check_factor(factor, step)
        return self._lr * factor

    def span(self, steps: int) -> "RateSpan":
        """Return the first, the highest and the last of ``scheduled_at``."""
        stride = max(steps // _MOST_EVALUATED, 1)
        rates = {step: self.scheduled_at(step) for step in (*range(0, steps, stride), steps - 1)}
        peak_step = max(rates, key=lambda step: rates[step])
        return RateSpan(rates[0], rates[peak_step], peak_step, rates[steps - 1])

    def _peak(self, lr_factor: float) -> float:
        return self._lr * lr_factor

    def _factor_at(self, step: int) -> float:
        factor = self._factor(step) * self._phase_factor(step)
        check_factor(factor, step)
        return factor


@dataclass(frozen=True)
class RateSpan:
    """The range of the learning rates of a run; steps count from 0."""

    first: float
    peak: float
    peak_step: int
    last: float


def label(lr_factor: float) -> str:
    """Return the name of the parameters with a factor on the learning rate."""
    return f"lr_factor {lr_factor:.6g}"


def lr_factors(plan: Plan) -> list[float]:
    """Return the factors on the learning rate of what a plan trains, the largest first."""
    factors = {p.lr_factor or 1.0 for p in plan.select("trainable")}
    return sorted(factors, reverse=True)
