"""What a function refers to: a model in its closure, by name, or through others."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from mindspore import nn

from tests.support.nets import TwoConvs
from trainer.freezing.api import jitted_functions

MODEL, OTHER = TwoConvs(), TwoConvs()
INSIDE = {id(cell) for _, cell in MODEL.cells_and_names()}


def by_name(x: Any) -> Any:
    return MODEL(x)


def through_another(x: Any) -> Any:
    return by_name(x)


def recursive(x: Any) -> Any:
    return recursive(x)


def none(x: Any) -> Any:
    return OTHER(x)


def closing_over(value: Any) -> Callable[..., Any]:
    return lambda x: value


def closing_over_nothing() -> Callable[..., Any]:
    value: Any = MODEL

    def function() -> Any:
        return value  # noqa: F821

    del value
    return function


class Trainer:
    """Has a method that is called with a model in its closure or its arguments."""

    def step(self, x: Any) -> Any:
        return MODEL(x)


CASES: list[tuple[Any, bool]] = [
    (by_name, True),
    (through_another, True),
    (none, False),
    (recursive, False),
    (closing_over(MODEL), True),
    (closing_over(MODEL.conv1), True),
    (closing_over(OTHER), False),
    (closing_over([1, (MODEL.fc,)]), True),
    (closing_over({"model": MODEL}), False),  # not looked into
    (closing_over(partial(none, MODEL)), True),
    (closing_over(partial(none, x=MODEL)), True),
    (closing_over(partial(by_name)), True),
    (closing_over(partial(none, OTHER)), False),
    (closing_over(Trainer().step), True),
    (closing_over(MODEL.construct), True),
    (closing_over(OTHER.construct), False),
    (closing_over(nn.SequentialCell(nn.Flatten(), MODEL)), True),
    (closing_over_nothing(), False),
]


@pytest.mark.parametrize(("function", "uses"), CASES)
def test_a_model_is_found_through_what_a_function_holds_or_names(
    function: Callable[..., Any], uses: bool
) -> None:
    assert jitted_functions._uses(function, INSIDE) is uses  # type: ignore[arg-type]
