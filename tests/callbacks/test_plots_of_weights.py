"""The picture of the weights, by the figure's own account of it."""

from typing import Any

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from tests.support.epoch_records import epochs
from trainer.callbacks.plots import changes, weights_figure


def test_grid_is_names_by_epochs() -> None:
    names, frozen, grid = changes(epochs())
    assert names == ["cell0.weight", "cell0.bias"]
    assert frozen.tolist() == [[True, True], [False, False]]
    assert grid.tolist() == [[0, 0], [0.1, 0.2]]


def test_many_names_are_put_together_by_cell() -> None:
    names, frozen, grid = changes(epochs(rows=100))
    assert names[:2] == ["cell0", "cell1"]
    assert not frozen[0].any(), "a cell of which a part trains is not frozen"
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
    names = [label.get_text() for label in statistics.get_yticklabels()]
    assert len(names) == 8
    assert all("moving" in name for name in names)
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
