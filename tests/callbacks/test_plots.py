"""Pictures: what is drawn, by the figures' own account of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.patches import Rectangle

from trainer.callbacks.plots import Plots, changes, curves_figure, weights_figure
from trainer.core import atomic_files


def epochs(rows: int = 2, drift: float = 0.0, accuracy: float | None = 0.5) -> list[dict[str, Any]]:
    """Three epochs of tensors of which the first is frozen and has moved by ``drift``."""
    return [
        {
            "epoch": number,
            "loss": float(number) or None,
            "validation_loss": 1.0,
            "accuracy": accuracy,
            "weights": [
                {
                    "name": f"cell{row // 2}.{'weight' if row % 2 == 0 else 'bias'}",
                    "state": "trainable" if row else "frozen",
                    "mean_since_start": number * (0.1 if row else drift),
                }
                for row in range(rows)
            ],
        }
        for number in range(3)
    ]


def test_grid_is_names_by_epochs() -> None:
    names, frozen, grid = changes(epochs())
    assert names == ["cell0.weight", "cell0.bias"]
    assert frozen == [True, False]
    assert grid.tolist() == [[0, 0], [0.1, 0.2]]


def test_many_names_are_put_together_by_cell() -> None:
    names, frozen, grid = changes(epochs(rows=100))
    assert names[:2] == ["cell0", "cell1"]
    assert frozen[0] is False, "a cell of which a part trains is not frozen"
    assert grid.shape == (50, 2)


def mobile(blocks: int) -> list[dict[str, Any]]:
    """Two epochs of a network whose statistics change a thousand times as much as its weights."""
    parts = ("0.weight", "1.gamma", "1.beta", "1.moving_mean", "1.moving_variance")
    names = [f"features.{block}.{part}" for block in range(blocks) for part in parts]
    weights = [
        {"name": name, "state": "x", "mean_since_start": 10.0 if "moving" in name else 0.01}
        for name in names
    ]
    line = {"loss": 1.0, "validation_loss": 1.0, "accuracy": None, "weights": weights}
    return [{"epoch": number, **line} for number in range(2)]


def test_statistics_have_a_panel_and_a_scale_of_their_own() -> None:
    weights, statistics, *scales = weights_figure(mobile(4)).axes
    assert [label.get_text() for label in weights.get_yticklabels()][:2] == [
        "features.0.0.weight",
        "features.0.1.gamma",
    ]
    assert all("moving" in label.get_text() for label in statistics.get_yticklabels())
    assert len(scales) == 2
    assert scales[0].get_ylim()[1] < 0.1 < scales[1].get_ylim()[0]


@pytest.mark.parametrize("blocks", [1, 5, 14, 30, 200])
def test_every_label_is_inside_the_picture(blocks: int) -> None:
    figure = weights_figure(mobile(blocks))
    figure.draw_without_rendering()
    whole = figure.bbox
    for axes in figure.axes:
        rows = axes.get_yticklabels() if axes.get_yscale() == "linear" else []
        for label in (axes.yaxis.label, axes.xaxis.label, axes.title, *rows):
            if not label.get_text():
                continue
            box = label.get_window_extent()
            assert whole.x0 <= box.x0 <= box.x1 <= whole.x1
            assert whole.y0 <= box.y0 <= box.y1 <= whole.y1


def test_each_epoch_and_each_row_has_a_cell_of_its_own() -> None:
    figure = weights_figure(epochs(rows=4, drift=0.5))
    axes, scale = figure.axes
    (image,) = axes.images
    assert [*image.get_extent()] == [0.5, 2.5, 3.5, -0.5]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0.5, 2.5), (3.5, -0.5))
    assert [*axes.get_yticks()] == [0, 1, 2, 3]
    np.testing.assert_allclose(np.asarray(image.get_array()), [[0.5, 1.0], *[[0.1, 0.2]] * 3])
    assert (image.norm.vmin, image.norm.vmax) == (0.1, 1.0)
    assert figure.get_size_inches().tolist() == pytest.approx([6.6, 2.95])
    assert axes.get_xlabel() == "epoch"


def test_frozen_cells_are_hatched_where_they_have_not_moved() -> None:
    records = epochs(rows=3)
    records[2]["weights"][0]["mean_since_start"] = 0.5
    axes = weights_figure(records).axes[0]
    (hatched,) = axes.patches
    assert isinstance(hatched, Rectangle)
    assert (hatched.get_x(), hatched.get_width()) == (0.5, 1)
    assert hatched.get_y() + hatched.get_height() / 2 == pytest.approx(0)
    colours = [label.get_color() for label in axes.get_yticklabels()]
    assert colours[0] != colours[1] == colours[2]
    assert axes.get_title() == "1 of 3 frozen (hatched): 1 of them MOVED"


@pytest.mark.parametrize(
    ("rows", "label"),
    [
        (7, "mean |change|"),
        (8, "weights: mean |change| since the start"),
        (9, "weights: mean |change| since the start"),
    ],
)
def test_the_scale_has_the_label_that_fits(rows: int, label: str) -> None:
    assert weights_figure(epochs(rows)).axes[-1].get_ylabel() == label


def test_a_wide_picture_has_a_limit_and_panels_have_the_heights_of_their_rows() -> None:
    records = [{**record, "epoch": at} for at, record in enumerate(mobile(4)[:1] * 41)]
    figure = weights_figure(records)
    assert figure.get_size_inches().tolist() == pytest.approx([14, 1.2 + 0.27 * 20 + 0.8])
    grid: Any = figure.axes[0].get_gridspec()
    assert [*grid.get_height_ratios()] == [12, 8]


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


def test_the_rows_of_a_large_network_can_be_read() -> None:
    names, _, grid = changes(mobile(50), statistics=False)
    assert names == [f"features.{block}" for block in range(50)]
    assert grid.shape == (50, 1)
    names, _, grid = changes(mobile(200), statistics=False)
    assert names[:2] == ["features.0 to features.3", "features.4 to features.7"]
    assert grid.shape == (50, 1)


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        (0.0, "none of them moved"),
        (0.1, "1 of them MOVED"),
        (float("nan"), "1 of them not known"),
    ],
)
def test_title_tells_a_drift(drift: float, said: str) -> None:
    axes = weights_figure(epochs(drift=drift)).axes[0]
    assert said in axes.get_title()
    assert len(axes.patches) == (0 if drift else 2), "hatched where it has not moved"


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
    assert number == 1 or colours[-1] == colormaps["viridis"](0.85)


def test_evaluations_within_an_epoch_are_drawn_at_their_steps() -> None:
    within = [{"step": 1, "validation_loss": 4.0}, {"step": 3, "validation_loss": 5.0}]
    records = epochs(accuracy=None)
    records[2] |= {"steps": 4, "evaluations": within}
    validation = curves_figure(records).axes[0].lines[1]
    np.testing.assert_array_equal(validation.get_data(), [[0, 1, 1.25, 1.75, 2], [1, 1, 4, 5, 1]])


@pytest.mark.parametrize(("accuracy", "width"), [(None, 5), (0.5, 9)])
def test_each_panel_has_its_width(accuracy: float | None, width: float) -> None:
    assert curves_figure(epochs(accuracy=accuracy)).get_size_inches().tolist() == [width, 3.6]


def test_nothing_is_drawn_of_a_run_that_trained_nothing(tmp_path: Path) -> None:
    atomic_files.write_text(tmp_path / "metrics.jsonl", atomic_files.dumps(epochs()[0]))
    Plots(tmp_path).on_run_end(True)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_what_is_drawn_is_what_the_metrics_hold(tmp_path: Path) -> None:
    lines = map(atomic_files.dumps, epochs())
    atomic_files.write_text(tmp_path / "metrics.jsonl", "".join(f"{line}\n" for line in lines))
    Plots(tmp_path).on_run_end(True)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"metrics.jsonl", "weights.png", "curves.png"}
