"""The picture of losses, accuracies and learning rates, by the figure's own account of it."""

import numpy as np
import pytest
from matplotlib import colormaps

from tests.support.epoch_records import epochs
from trainer.callbacks.plots import curves_figure


def test_curves_are_those_of_the_records() -> None:
    losses, accuracies = curves_figure(epochs()).axes
    training, validation = losses.lines
    np.testing.assert_array_equal(training.get_data(), [[0, 1, 2], [np.nan, 1, 2]])
    np.testing.assert_array_equal(validation.get_data(), [[0, 1, 2], [1, 1, 1]])
    np.testing.assert_array_equal(accuracies.lines[0].get_data(), [[0, 1, 2], [50, 50, 50]])
    assert accuracies.get_title() == "50.0 % at the end"
    low, high = accuracies.get_ylim()
    assert low == 0
    assert 100 < high < 110
    legend = losses.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "training, mean of the epoch",
        "validation",
    ]


def test_without_validation_there_is_one_curve() -> None:
    records = [{**record, "validation_loss": None} for record in epochs(accuracy=None)]
    (axes,) = curves_figure(records).axes
    assert len(axes.lines) == 1


@pytest.mark.parametrize(("accuracy", "panels"), [(0.5, 2), (None, 1)])
def test_accuracy_is_drawn_where_there_is_one(accuracy: float | None, panels: int) -> None:
    assert len(curves_figure(epochs(accuracy=accuracy)).axes) == panels


def test_each_learning_rate_is_drawn_where_there_are_rates() -> None:
    records = [epoch | {"lr": {"lr_factor 1": 0.1, "lr_factor 0.5": 0.05}} for epoch in epochs()]
    rates = curves_figure(records).axes[-1]
    assert [np.asarray(line.get_ydata()).tolist() for line in rates.get_lines()] == [
        [0.1] * 3,
        [0.05] * 3,
    ]
    assert rates.get_legend() is not None


def test_epochs_of_before_rates_were_recorded_have_none() -> None:
    first, *rest = epochs()
    rates = curves_figure([first, *(epoch | {"lr": {"lr_factor 1": 0.1}} for epoch in rest)]).axes[
        -1
    ]
    (line,) = rates.get_lines()
    assert np.asarray(line.get_xdata()).tolist() == [1, 2]
    assert rates.get_legend() is None


def test_of_many_learning_rates_the_highest_and_the_lowest_are_named() -> None:
    rates = {f"lr_factor {0.5**n:g}": 0.5**n for n in range(20)}
    axes = curves_figure([epoch | {"lr": rates} for epoch in epochs()]).axes[-1]
    assert len(axes.get_lines()) == 20
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "lr_factor 1",
        f"lr_factor {0.5**19:g}",
    ]


@pytest.mark.parametrize(("number", "named"), [(1, 0), (2, 2), (5, 5), (6, 6), (7, 2)])
def test_up_to_six_learning_rates_are_named(number: int, named: int) -> None:
    rates = {f"lr_factor {n}": 1.0 / (1 + n) for n in range(number)}
    axes = curves_figure([epoch | {"lr": rates} for epoch in epochs()]).axes[-1]
    legend = axes.get_legend()
    assert len(legend.get_texts() if legend else []) == named
    assert axes.get_ylim()[0] == 0
    colours = [line.get_color() for line in axes.lines]
    assert len(set(map(str, colours))) == number
    assert colours[0] == colormaps["viridis"](0.0)
    assert colours[-1] == colormaps["viridis"](0.85 if number > 1 else 0.0)


def test_evaluations_within_an_epoch_are_drawn_at_their_steps() -> None:
    within = [{"step": 1, "validation_loss": 4.0}, {"step": 3, "validation_loss": 5.0}]
    records = epochs(accuracy=None)
    records[2] |= {"steps": 4, "evaluations": within}
    validation = curves_figure(records).axes[0].lines[1]
    np.testing.assert_array_equal(validation.get_data(), [[0, 1, 1.25, 1.75, 2], [1, 1, 4, 5, 1]])


@pytest.mark.parametrize(("accuracy", "width"), [(None, 5), (0.5, 9)])
def test_each_panel_has_its_width(accuracy: float | None, width: float) -> None:
    assert curves_figure(epochs(accuracy=accuracy)).get_size_inches().tolist() == [width, 3.6]
