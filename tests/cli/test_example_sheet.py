"""The picture of the examples: above each image its label, the prediction and its probability."""

import numpy as np
import pytest
from mindspore import Tensor

from trainer.cli import example_sheet
from trainer.losses.bce import BCEWithLogitsLoss
from trainer.losses.cross_entropy import CrossEntropyLoss
from trainer.metrics.examples import Examples

IMAGES = Tensor(np.random.default_rng(0).normal(size=(3, 3, 6, 6)).astype(np.float32))


def titles(kept: Examples) -> list[tuple[str, str]]:
    """Return title and colour of each image of the first part, which has the highest losses."""
    drawing = example_sheet.figure(kept, ("ant", "bee"), None)
    first, second = drawing.subfigs
    assert first.get_suptitle().startswith("highest loss: ")
    assert second.get_suptitle().startswith("least sure: ")
    texts = [axes.title for axes in first.axes if axes.images]
    return [(text.get_text(), str(text.get_color())) for text in texts]


def test_what_is_wrong_is_red() -> None:
    kept = Examples(CrossEntropyLoss(), "softmax")
    scores = Tensor(np.log(np.array([[0.9, 0.1], [0.8, 0.2], [0.25, 0.75]], np.float32)))
    kept([IMAGES, Tensor(np.array([0, 1, 1], np.int32))], scores)
    assert titles(kept) == [
        ("bee\nas ant\n80.0 %", "firebrick"),
        ("bee\nas bee\n75.0 %", "black"),
        ("ant\nas ant\n90.0 %", "black"),
    ]


def test_several_labels_and_none() -> None:
    kept = Examples(BCEWithLogitsLoss(), "sigmoid")
    truth = Tensor(np.array([[1, 1], [0, 0], [1, 0]], np.float32))
    kept([IMAGES, truth], Tensor(np.array([[9, 9], [-1, -1], [-2, -2]], np.float32)))
    named = [title.rpartition("\n")[0] for title, _ in titles(kept)]
    assert named == ["ant\nas none", "none\nas none", "ant, bee\nas ant, bee"]


@pytest.mark.parametrize(
    ("shape", "is_drawn"), [((1, 6, 6), True), ((6, 6, 3), True), ((6,), False), ((4, 6, 6), False)]
)
def test_only_images_are_drawn(shape: tuple[int, ...], is_drawn: bool) -> None:
    kept = Examples(CrossEntropyLoss(), "softmax")
    assert not example_sheet.has_images(kept, None)
    scores = Tensor(np.zeros((1, 2), np.float32))
    kept([Tensor(np.zeros((1, *shape), np.float32)), Tensor(np.zeros(1, np.int32))], scores)
    assert example_sheet.has_images(kept, None) is is_drawn
