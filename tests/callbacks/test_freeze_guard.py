"""What ends a run: a frozen tensor that has moved, and trained weights that are not finite."""

import numpy as np
import pytest

from trainer.callbacks.freeze_guard import FreezeGuard, check_weights
from trainer.core.errors import FrozenMoved, WeightsNotFinite
from trainer.core.tensors import Weights
from trainer.engine.callback import EpochResult
from trainer.freezing.plan import ParameterPlan, Plan
from trainer.metrics.evaluator import Score

STATES = {"a": "frozen", "b": "trainable", "c": "buffer", "bn.moving_mean": "buffer"}
PLAN = Plan(tuple(ParameterPlan(name, (3,), 12, state) for name, state in STATES.items()))


def weights(**changed: float) -> Weights:
    """Weights of which the last value of some is another one."""
    arrays: Weights = {name: np.zeros(3, np.float32) for name in STATES}
    for name, value in changed.items():
        arrays[name.replace("_", ".", 1) if name.startswith("bn") else name][-1] = value
    return arrays


def test_finite_weights_pass() -> None:
    check_weights(PLAN, weights(a=1, b=-1e30, c=1, bn_moving_mean=1), {}, "now")
    counters = Plan((ParameterPlan("n", (3,), 24, "trainable"),))
    check_weights(counters, {"n": np.arange(3)}, {}, "now")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_trained_weights_and_statistics_are_finite(value: float) -> None:
    with pytest.raises(WeightsNotFinite, match=r"finite weights, but by now these are not: b\. "):
        check_weights(PLAN, weights(b=value), {}, "now")
    with pytest.raises(WeightsNotFinite, match=r"are not: b, bn\.moving_mean\. "):
        check_weights(PLAN, weights(b=value, bn_moving_mean=value), {}, "now")


@pytest.mark.parametrize("name", ["a", "c"])
def test_what_training_does_not_move_may_hold_anything(name: str) -> None:
    check_weights(PLAN, weights(**{name: np.nan}), {}, "now")


def test_a_moved_tensor_ends_the_run_even_where_weights_are_not_finite() -> None:
    epoch = EpochResult(7, PLAN, weights(b=np.nan), Score(0.0, None, 1))
    epoch.moved = {"a": "by up to 0.5", "z": "by up to 2"}
    with pytest.raises(FrozenMoved) as raised:
        FreezeGuard().on_epoch_end(epoch)
    assert str(raised.value).splitlines() == [
        "expected every frozen tensor unchanged, but by the end of epoch 7 2 moved:",
        "  - a by up to 0.5",
        "  - z by up to 2",
    ]
    epoch.moved = {}
    with pytest.raises(WeightsNotFinite, match="by the end of epoch 7 these"):
        FreezeGuard().on_epoch_end(epoch)
