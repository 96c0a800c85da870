"""When phases end, in optimizer steps."""

from typing import Any

import pytest

from trainer.config.phases import PhaseSetting
from trainer.phases.phase import PhaseEnd
from trainer.phases.phase_ends import StepLengths, phase_ends, warmup_steps

RUN = StepLengths(steps=100, steps_per_epoch=10, between_evaluations=10)
MONITOR = {"monitor": "accuracy", "patience": 2, "min_delta": 0.5, "max_epochs": 3}


def settings(*untils: Any, **keys: Any) -> list[PhaseSetting]:
    entries = [{"name": f"p{at}", "until": until, **keys} for at, until in enumerate(untils)]
    return [PhaseSetting.model_validate(entry) for entry in entries]


def steps(*untils: Any, run: StepLengths = RUN) -> list[int | None]:
    ends, problems = phase_ends(settings(*untils), run)
    assert problems == []
    return [end.steps for end in ends]


def problems(*untils: Any, run: StepLengths = RUN, **keys: Any) -> str:
    return "\n".join(phase_ends(settings(*untils, **keys), run)[1])


def test_lengths_in_steps() -> None:
    assert steps({"epochs": 2.5}, {"share": 0.25}, {"steps": 7}, None) == [25, 25, 7, None]
    assert steps(None) == [None]


def test_rounding_does_not_change_the_sum() -> None:
    third = {"share": 1 / 3}
    assert steps(third, third, third) == [33, 34, 33]
    assert steps(*[{"share": 1 / 7}] * 7, run=StepLengths(10, 10, 10)) == [1, 2, 1, 2, 1, 2, 1]


def test_a_monitored_phase_has_a_greatest_length() -> None:
    ends, found = phase_ends(settings(MONITOR, {"epochs": 2}), RUN)
    assert found == []
    assert ends == [PhaseEnd(30, "accuracy", 2, 0.5), PhaseEnd(20)]


def test_warmup_in_steps() -> None:
    (phase,) = settings({"epochs": 10}, warmup_epochs=0.25)
    assert warmup_steps(phase, RUN) == 2


@pytest.mark.parametrize(
    ("untils", "message"),
    [
        (({"steps": 60}, {"steps": 60}), "expected 100 steps, the run's length, received 60 + 60"),
        (({"steps": 60}, {"steps": 30}), "received 60 + 30 = 90 (p0, p1)"),
        (({"steps": 100}, None), "expected less than 100 steps before the last phase"),
        (({"epochs": 0.01}, None), "(p0).until: expected at least one step"),
        (({**MONITOR, "max_epochs": 0.5}, None), "expected at least 10 steps, so that it is evalu"),
    ],
)
def test_what_does_not_fit(untils: tuple[Any, ...], message: str) -> None:
    assert message in problems(*untils)


def test_a_warmup_longer_than_its_phase() -> None:
    assert "expected at most the 5 steps" in problems({"steps": 5}, None, warmup_epochs=1)
