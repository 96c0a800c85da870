"""Settings that are valid, to change one at a time."""

from typing import Any

GOOD: dict[str, Any] = {
    "model": {"_target_": "a.Net", "width": 3},
    "dataset": {"_target_": "a.data"},
    "loss": {"_target_": "a.Loss"},
    "optimizer": {"_target_": "a.Optimizer", "lr": 1, "beta": 0.5},
    "device": {"target": "cpu"},
}
