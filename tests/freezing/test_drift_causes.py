from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.freezing.drift_causes import Evidence, cause

_random = np.random.default_rng(0)
BEFORE, PUSH, OTHER = (_random.normal(size=50).astype(np.float32) for _ in range(3))
ZERO = np.zeros(50, np.float32)


def cause_of(change: NDArray[Any], before: NDArray[Any] = BEFORE, **known: Any) -> str:
    return cause(Evidence(before, before + change, **known))


@pytest.mark.parametrize(
    ("change", "push", "text"),
    [
        (-0.01 * BEFORE, None, "G; weight decay scaled it by 0.99 (no gradient arrived)"),
        (-0.01 * BEFORE, PUSH, "G; weight decay scaled it by 0.99 (no gradient arrived)"),
        (-0.1 * PUSH, PUSH, "G; momentum from before the freeze moved it further (no g"),
        (-0.1 * PUSH - 0.01 * BEFORE, PUSH, "G; weight decay scaled it by 0.99 and momentum"),
        (-0.1 * PUSH, None, "G; a gradient reached it: W"),
        (-0.1 * OTHER, PUSH, "G; a gradient reached it: W"),
        (-0.1 * OTHER - 0.1 * BEFORE, PUSH, "G; a gradient reached it: W"),
        (ZERO + np.nan, PUSH, "G; its values are not finite"),
        (1e-7 * OTHER, PUSH, "G; gradient, weight decay or momentum: too little has changed"),
    ],
)
def test_what_an_optimizer_did(change: NDArray[Any], push: NDArray[Any] | None, text: str) -> None:
    assert cause_of(change, optimized_by="G", why_gradient="W", momentum=push).startswith(text)


@pytest.mark.parametrize(("times", "told"), [(63.5, False), (64.5, True)])
def test_a_change_tells_beyond_64_times_the_rounding(times: float, told: bool) -> None:
    before = np.array([1.0, -2.0, 4.0])
    rounding = 4 * np.finfo(np.float64).eps * 4
    change = -before / 4 * times * rounding  # the largest is `times` the rounding
    text = cause(Evidence(before, before + change, optimized_by="G"))
    assert ("too little has changed" not in text) is told


@pytest.mark.parametrize("size", [0, 1, 2])
def test_too_few_values_to_tell(size: int) -> None:
    text = cause_of(-0.1 * BEFORE[:size], BEFORE[:size], optimized_by="G", momentum=PUSH[:size])
    assert "too little has changed to tell" in text


@pytest.mark.parametrize(("size", "push"), [(2, None), (3, PUSH)])
def test_one_value_more_than_directions_tells(size: int, push: NDArray[Any] | None) -> None:
    push = push if push is None else push[:size]
    text = cause_of(-0.1 * BEFORE[:size], BEFORE[:size], optimized_by="G", momentum=push)
    assert text == "G; weight decay scaled it by 0.9 (no gradient arrived)"


def test_a_direction_with_less_than_a_hundredth_of_the_change_is_not_named() -> None:
    before, push = np.array([1, 0, 1e-3]), np.array([0, 1, 0])
    for share, named in ((0.009, False), (0.011, True)):
        text = cause_of(-0.1 * before - 0.1 * share * push, before, optimized_by="G", momentum=push)
        assert "weight decay scaled it by 0.9" in text
        assert ("momentum" in text) is named
        text = cause_of(-0.1 * push - 0.1 * share * before, before, optimized_by="G", momentum=push)
        assert "momentum" in text
        assert ("weight decay" in text) is named


def test_a_weight_of_zeros_cannot_have_decayed() -> None:
    assert cause_of(-0.1 * OTHER, ZERO, optimized_by="G") == "G; a gradient reached it"


def test_whole_numbers() -> None:
    before = np.arange(0, 50, 10)
    text = cause_of(before // -10, before, optimized_by="G")
    assert text == "G; weight decay scaled it by 0.9 (no gradient arrived)"


def test_what_grows_has_not_decayed() -> None:
    assert cause_of(0.1 * BEFORE, optimized_by="G") == "G; a gradient reached it"
    assert cause_of(0.1 * BEFORE).startswith("not known")


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({"statistic": True}, "a normalisation layer ran in training mode and updated its stat"),
        ({"statistic": True, "why_training": "W"}, "updated its statistics: W"),
        ({}, "not known: neither optimizer nor statistics"),
        ({"fallback": "loaded"}, "loaded"),
    ],
)
def test_without_an_optimizer(known: dict[str, Any], text: str) -> None:
    assert text in cause_of(OTHER, **known)


def test_scaled_by_nobody_known() -> None:
    assert cause_of(-0.02 * BEFORE) == "it was scaled by 0.98, as weight decay does"
