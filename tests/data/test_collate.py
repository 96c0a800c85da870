"""Values of samples that are put together, and those that cannot be."""

import re

import numpy as np
import pytest
from PIL import Image

from trainer.core.errors import BadData
from trainer.data.collate import collate


def test_arrays_and_images_are_stacked() -> None:
    assert collate([np.zeros((2, 3))] * 4, range(4), "image").shape == (4, 2, 3)
    assert collate([Image.new("RGB", (3, 2))] * 4, range(4), "image").shape == (4, 2, 3, 3)
    assert collate([np.asarray(1), np.asarray(2)], [0, 1], "label").tolist() == [1, 2]


def test_other_shapes_name_both_samples_and_the_remedy() -> None:
    values = [np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((4, 3))]
    expected = "received (2, 3) in sample 5 and (4, 3) in sample 9; transform=plain"
    with pytest.raises(BadData, match=re.escape(expected)):
        collate(values, [5, 7, 9], "image")
