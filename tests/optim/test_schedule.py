"""Learning-rate schedules: built from their settings, a custom one among them."""

import pytest

from trainer.core.errors import ConfigError
from trainer.optim.schedule import StepCounts, build_schedule


def test_no_target_is_a_constant_rate() -> None:
    assert build_schedule(None) is None


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected a function of \(step, steps\), received a "):
        build_schedule({"_target_": "builtins.dict"})


def test_a_target_and_its_arguments_make_a_schedule() -> None:
    spec = {"_target_": "math.ldexp", "_partial_": True}
    schedule = build_schedule(spec)
    assert schedule is not None
    assert schedule(StepCounts(2, 1), lambda: ())(3) == 12


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("math.sqrt", r"a function of \(step, steps\), received an error"),
        ("operator.sub", "expected a factor of at least 0, received -2.0"),
    ],
)
def test_what_does_not_fit_is_found_before_training(target: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        build_schedule({"_target_": target, "_partial_": True})
