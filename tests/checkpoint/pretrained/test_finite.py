"""Weights that are not finite: which are reported, and how many."""

import numpy as np
import pytest
from mindspore import Parameter, Tensor

from trainer.checkpoint.pretrained.finite import not_finite_problems
from trainer.checkpoint.pretrained.source import SAFETENSORS, WeightsSource

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("values", "own", "said"),
    [
        ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], ""),
        ([1.0, -INF, 3.0], [0.0, -INF, 0.0], ""),
        ([1.0, INF, 3.0], [0.0, -INF, 0.0], "1 of 3 values are not (the first is inf)"),
        ([NAN, INF, -INF], [0.0, INF, 0.0], "2 of 3 values are not (the first is nan)"),
        ([NAN, 1.0, 2.0], [NAN, 0.0, 0.0], "1 of 3 values are not (the first is nan)"),
    ],
)
def test_values_that_are_neither_finite_nor_the_models_own(
    values: list[float], own: list[float], said: str
) -> None:
    source = WeightsSource(SAFETENSORS, {"a": np.array([values], np.float32)})
    parameters = {"w": Parameter(Tensor(np.array([own], np.float32)), name="w")}
    problems = not_finite_problems(parameters, {"w": "a"}, source)
    assert len(problems) == bool(said)
    assert said in "".join(problems)
    if said:  # evaluate and predict read weights too, and accept no new_head
        assert "use other weights, such as a snapshot of an earlier epoch" in problems[0]
        assert problems[0].endswith("a training run can re-initialise it by new_head=w")


def test_whole_numbers_are_finite() -> None:
    source = WeightsSource(SAFETENSORS, {"a": np.arange(3)})
    parameters = {"w": Parameter(Tensor(np.zeros(3, np.int64)), name="w")}
    assert not_finite_problems(parameters, {"w": "a"}, source) == []


@pytest.mark.parametrize(("number", "more"), [(9, 0), (10, 0), (11, 1), (12, 2)])
def test_ten_tensors_are_named(number: int, more: int) -> None:
    names = [f"w{index}" for index in range(number)]
    source = WeightsSource(SAFETENSORS, {name: np.array([NAN], np.float32) for name in names})
    parameters = {name: Parameter(Tensor([0.0]), name=name) for name in names}
    problems = not_finite_problems(parameters, {name: name for name in names}, source)
    assert len(problems) == min(number, 10 + bool(more))
    if more:
        assert problems[-1] == f"init_from: and {more} more that are not finite"
