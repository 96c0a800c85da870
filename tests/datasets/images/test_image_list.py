from pathlib import Path

import numpy as np
import pytest

from trainer.datasets.images.image_list import ImageList, natural_order


@pytest.mark.parametrize(
    "ordered",
    [
        ("1", "2", "10"),
        ("img2", "img10", "img10a"),
        ("01", "1", "2"),
        ("B", "a", "b"),
        ("a", "a1", "b"),
        ("v1.2", "v1.10"),
        ("10", "x"),
    ],
)
def test_natural_order(ordered: tuple[str, ...]) -> None:
    assert natural_order(set(ordered)) == ordered


def test_select_keeps_the_classes() -> None:
    images = ImageList(Path("r"), ("a", "b", "c"), np.array([0, 1, 1], np.int32), ("x", "y"))
    part = images.select(np.array([2, 0]))
    assert part.files == ("c", "a")
    assert part.labels.tolist() == [1, 0]
    assert part.class_names == ("x", "y")
    assert part.path(0) == Path("r/c")
