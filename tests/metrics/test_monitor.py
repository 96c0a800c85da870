import math

import pytest

from trainer.metrics.evaluator import NOT_MEASURED, Score
from trainer.metrics.monitor import Monitor, best_of, measured, monitored, without_improvement

LOSS, ACCURACY = Monitor("validation_loss", "min"), Monitor("accuracy", "max")


def test_values_of_a_score() -> None:
    score = Score(0.5, 0.75, 8, {"f1": 0.25})
    names = ("validation_loss", "accuracy", "f1")
    assert [monitored(score, name) for name in names] == [0.5, 0.75, 0.25]
    assert math.isnan(monitored(score, "rmse"))
    assert math.isnan(monitored(NOT_MEASURED, "validation_loss"))
    expected = {"validation_loss": 0.5, "accuracy": 0.75, "f1": 0.25, "ema.validation_loss": 0.125}
    assert measured(score, Score(0.125, None, 8)) == expected
    assert measured(NOT_MEASURED) == {}


@pytest.mark.parametrize(
    ("values", "monitor", "min_delta", "count"),
    [
        ([], LOSS, 0.0, 0),
        ([1.0, 0.5, 0.75, 0.5], LOSS, 0.0, 2),
        ([1.0, 0.5, 0.75, 0.25], LOSS, 0.0, 0),
        ([0.5, 0.25, 0.5, 0.75], ACCURACY, 0.0, 0),
        ([0.5, 0.25, 0.5], ACCURACY, 0.0, 2),
        ([1.0, 0.875, 0.75], LOSS, 0.125, 0),
        ([1.0, 0.875], LOSS, 0.125, 1),
        ([math.nan, math.nan], LOSS, 0.0, 2),
        ([math.nan, 1.0, math.nan, -math.inf], LOSS, 0.0, 2),
    ],
)
def test_evaluations_without_an_improvement(
    values: list[float], monitor: Monitor, min_delta: float, count: int
) -> None:
    assert without_improvement(values, monitor, min_delta) == count


def test_the_best_is_the_first_of_equal_ones_and_finite() -> None:
    values = {(1, 0): math.nan, (2, 0): 0.5, (2, 3): 0.25, (3, 0): 0.25}
    assert best_of(values, LOSS) == (2, 3)
    assert best_of(values, ACCURACY) == (2, 0)
    assert best_of({(1, 0): math.inf}, LOSS) is None
