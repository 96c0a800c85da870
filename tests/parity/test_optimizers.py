"""Optimizers equal PyTorch's and timm's, with groups, weight decay and changing learning rates."""

import importlib.util

import pytest

pytest.importorskip(
    "torch", reason="parity is not tested: PyTorch is not installed, see CONTRIBUTING.md"
)
from tests.parity import optimizers

pytestmark = pytest.mark.parity

TOLERANCE = 1e-4  # of the furthest movement; 2e-6 was measured


@pytest.mark.parametrize("name", optimizers.CASES)
def test_weights_after_100_steps(name: str) -> None:
    if name in ("lamb", "lion") and importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed, see CONTRIBUTING.md")
    assert optimizers.difference(name) <= TOLERANCE


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adam", "adamw"])
def test_weights_after_100_steps_of_which_a_part_was_frozen_for_60(name: str) -> None:
    assert optimizers.difference(name, late=True) <= TOLERANCE


def test_another_optimizer_is_seen() -> None:
    assert optimizers.difference("nesterov", other="momentum") > 30 * TOLERANCE
