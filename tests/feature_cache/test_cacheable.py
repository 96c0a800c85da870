"""What is found out about the outputs of a frozen part."""

from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from tests.support.nets import Normed, TwoConvs
from tests.support.stored import Rounding, trial
from tests.support.training import LOSS, plan_of, rule
from trainer.feature_cache import cacheable
from trainer.feature_cache.cache_probe import CacheProbe
from trainer.feature_cache.cacheable import NotCacheable
from trainer.feature_cache.constant_outputs import Calls, find_constant

ROW = ((2, 3), ms.float32)


@pytest.mark.parametrize(
    ("outputs", "uniform"),
    [
        ([[ROW]], True),
        ([[((2,), ms.float32)]], True),
        ([[((), ms.float32)]], False),
        ([[((3, 2), ms.float32)]], False),
        ([[((2, 3), ms.complex64)]], False),
        ([[ROW, ((2,), ms.int32)]], True),
        ([[ROW, ((), ms.int32)]], False),
        ([[ROW], [ROW]], True),
        ([[ROW], [((2, 4), ms.float32)]], False),
        ([None], False),
    ],
)
def test_outputs_that_can_be_stored_have_a_row_per_sample(outputs: Any, uniform: bool) -> None:
    assert cacheable._is_uniform(Calls(False, outputs), 2) is uniform


def test_the_work_that_is_saved_is_that_of_one_sample() -> None:
    net = TwoConvs()
    found = cacheable.find_cacheable(trial(net, plan_of(net, rule("conv1"))))
    assert found.macs == 2 * 16 * 9  # outputs times weights per output
    assert found.needs_inputs is False
    assert found.feature_specs() == [((2, 2, 4, 4), ms.float32)]
    assert found.input_specs == [((2, 1, 6, 6), ms.float32)]


class TwoInputs(TwoConvs):
    """Adds a second input, which the first convolution sees too, to the scores."""

    def construct(self, x: Tensor, shift: Tensor) -> Tensor:  # type: ignore[override]
        return super().construct(x + shift.reshape(-1, 1, 1, 1)) + shift.reshape(-1, 1)


def two_inputs() -> CacheProbe:
    net, random = TwoInputs(), np.random.default_rng(0)
    columns = [random.normal(size=shape).astype(np.float32) for shape in ((4, 1, 6, 6), (4,))]
    batch = [*map(Tensor, columns), Tensor(np.array([0, 1, 2, 0], np.int32))]
    plan = plan_of(TwoConvs(), rule("conv1"))
    return CacheProbe(net, plan, LOSS, batch, full_batch=batch)


def test_a_model_of_two_inputs_needs_the_one_that_it_reads_later() -> None:
    probe = two_inputs()
    assert find_constant(probe.model, probe.plan, probe.batch)[1] == {"conv1"}
    found = cacheable.find_cacheable(probe)
    assert found.boundary.stored == ("conv1",)
    assert found.needs_inputs is True
    assert [shape for shape, _ in found.input_specs] == [(4, 1, 6, 6), (4,)]
    assert found.macs == 2 * 16 * 9


class Dropping(TwoConvs):
    """Drops values behind a frozen convolution in training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.SequentialCell(nn.Dropout(p=0.5))

    def construct(self, x: Tensor) -> Tensor:
        return self.fc(self.flatten(self.conv2(self.drop(self.conv1(x)))))


class Counting(TwoConvs):
    """Adds what no gradient shows to depend on a weight: how many of its values are positive."""

    def __init__(self) -> None:
        super().__init__()
        self.count = nn.SequentialCell(Sign())

    def construct(self, x: Tensor) -> Tensor:
        return super().construct(x) + self.count(self.fc.bias)[:3]


class Sign(nn.Cell):
    def construct(self, x: Tensor) -> Tensor:
        return ops.cast(ops.floor(x * 1000), ms.int32)


@pytest.mark.parametrize(
    ("net", "constant", "changing"),
    [(Dropping(), {"conv1"}, {"drop", "conv2"}), (Counting(), {"conv1", "conv2"}, {"count", "fc"})],
)
def test_what_training_or_other_weights_change_is_not_constant(
    net: nn.Cell, constant: set[str], changing: set[str]
) -> None:
    plan = plan_of(TwoConvs(), rule("conv1", "conv2"))
    found = find_constant(net, plan, trial(net, plan).batch)[1]
    assert constant <= found
    assert not changing & found


class Repeating(TwoConvs):
    """Calls a cell twice, so that one stored output would have to be told from the other."""

    def construct(self, x: Tensor) -> Tensor:
        one, other = self.conv1(x), self.conv1(-x)
        return self.fc(self.flatten(self.conv2(one + other)))


def test_statistics_that_move_end_the_part_that_is_stored() -> None:
    given = rule("conv1", "bn1", method="requires_grad", norm="train")
    net = Normed()
    found = cacheable.find_cacheable(trial(net, plan_of(net, given)))
    assert found.boundary.stored == ("conv1",)


def test_a_cell_that_is_called_twice_is_not_stored() -> None:
    net = Repeating()
    with pytest.raises(NotCacheable, match="no output of a frozen cell is constant"):
        cacheable.find_cacheable(trial(net, plan_of(net, rule("conv1"))))


def test_a_cell_that_rounds_by_place_is_passed_over() -> None:
    """A product of a whole batch, which sums its rows in blocks."""
    net, random = Rounding(), np.random.default_rng(0)
    batch = [random.random((32, 1, 6, 6), np.float32), random.integers(0, 3, 32).astype(np.int32)]
    few, whole = ([Tensor(column[:count]) for column in batch] for count in (2, 32))
    plan = plan_of(net, rule("fc"))
    far = cacheable.find_cacheable(CacheProbe(net, plan, nn.CrossEntropyLoss(), few))
    near = cacheable.find_cacheable(
        CacheProbe(net, plan, nn.CrossEntropyLoss(), few, full_batch=whole)
    )
    assert (far.boundary.stored, near.boundary.stored) == (("fc",), ("flatten",))
