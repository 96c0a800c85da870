"""The line on the screen that describes a decision."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.cache_decisions import settings
from trainer.feature_cache import cost_model, decide


@pytest.mark.parametrize(
    ("nbytes", "size"),
    [(40_000, "0.04 MB"), (99_000, "0.1 MB"), (100_000, "0.1 MB"), (1_234_560_000, "1,234.6 MB")],
)
def test_the_screen_has_size_and_times(nbytes: int, size: str) -> None:
    stored: Any = SimpleNamespace(boundary=SimpleNamespace(stored=["conv1", "conv2"]))
    estimate = cost_model.Estimate(12.3, 0.04)
    text = decide._describe(settings(mode="store"), stored, nbytes, estimate)
    assert text == (
        f"stored: outputs of conv1, conv2, {size}; saves about 12 s, costs less than 0.1 s"
    )
    text = decide._describe(settings(mode="store", views=3), stored, nbytes, estimate)
    assert f"{size}, 3 fixed views of each image, which changes the training; saves" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (0.049, "less than 0.1 s"),
        (0.05, "0.1 s"),
        (0.44, "0.4 s"),
        (0.5, "0.5 s"),
        (0.6, "1 s"),
        (1.5, "2 s"),
        (1234.0, "1,234 s"),
    ],
)
def test_no_time_is_rounded_to_nothing(seconds: float, text: str) -> None:
    assert decide._seconds(seconds) == text
