"""Ranks that have drifted apart end the run, and are named."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from mindspore import Parameter, Tensor

from tests.support.nets import TwoConvs
from tests.support.training import momentum, plan_of, rule
from trainer.backend.host_copy import to_numpy
from trainer.callbacks.rank_consistency import RankConsistency, differences
from trainer.core.errors import RanksDiffer
from trainer.distributed.world import World
from trainer.engine.callback import EpochResult
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.metrics.evaluator import Score

SAME = {"conv1.weight": "a", "fc.bias": "b"}


class TwoRanks(World):
    """A rank next to another one, of which some hashes are other ones."""

    def __init__(self, rank: int, other: Mapping[str, str]) -> None:
        super().__init__(rank, 2)
        object.__setattr__(self, "other", other)

    def gather(self, value: Any) -> list[Any]:
        other: Mapping[str, str] = vars(self)["other"]
        differs = f"{value} of another" if other else value
        return [value, {**value, **other} if isinstance(value, dict) else differs]


def compared(other: Mapping[str, str], rank: int = 0) -> tuple[RankConsistency, EpochResult]:
    """The callback with a model, and the end of its third epoch."""
    model = TwoConvs()
    applied = FrozenModel(model, plan_of(model, rule("conv1")))
    count = Parameter(Tensor(3), name="count")
    callback = RankConsistency(TwoRanks(rank, other), {"masks": count})
    callback.on_phase_start(applied, momentum(applied))
    return callback, EpochResult(3, applied.plan, to_numpy(model), Score(0.0, None, 1))


def test_ranks_that_agree_go_on(caplog: pytest.LogCaptureFixture) -> None:
    callback, epoch = compared({})
    with caplog.at_level("INFO"):
        callback.on_epoch_end(epoch)
        callback.on_interrupt(Progress(3, 5))
    first, second = caplog.messages
    assert "rank 0 of 2 by the end of epoch 3: the same bits as the others" in first
    assert "rank 0 of 2 by step 5 of epoch 4: the same bits as the others" in second


@pytest.mark.parametrize("name", ["conv2.weight", "state moments.conv2.weight", "state masks"])
def test_ranks_that_differ_end_the_run(name: str) -> None:
    callback, epoch = compared({name: "another"})
    with pytest.raises(RanksDiffer, match="by the end of epoch 3 they differ") as raised:
        callback.on_epoch_end(epoch)
    assert str(raised.value).endswith(f"  - rank 1 differs from rank 0 in {name}")
    with pytest.raises(RanksDiffer, match="by step 5 of epoch 4 they differ"):
        callback.on_interrupt(Progress(3, 5))


def test_what_has_moved_is_left_to_the_freeze_guard() -> None:
    callback, epoch = compared({"conv2.weight": "another"})
    epoch.moved = {"conv1.weight": "moved"}
    callback.on_epoch_end(epoch)


@pytest.mark.parametrize(("rank", "lines"), [(0, 1), (1, 2)])
def test_only_a_rank_without_a_screen_logs_the_line_of_the_epoch(
    rank: int, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    callback, epoch = compared({}, rank)
    with caplog.at_level("INFO"):
        callback.on_epoch_end(epoch)
    assert len(caplog.messages) == lines
    assert np.isfinite(epoch.validation.loss)


def test_two_ranks_that_differ_are_told_by_the_first() -> None:
    other = {"conv1.weight": "x", "fc.bias": "b"}
    assert differences([SAME, other]) == ["rank 1 differs from rank 0 in conv1.weight"]


def test_of_more_the_majority_tells_who_has_strayed() -> None:
    other = {"conv1.weight": "x", "fc.bias": "y"}
    found = differences([other, SAME, SAME])
    assert found == ["rank 0 differs from ranks 1, 2 in conv1.weight, fc.bias"]


def test_ranks_that_are_alike_have_no_differences() -> None:
    assert differences([SAME, SAME, SAME]) == []
