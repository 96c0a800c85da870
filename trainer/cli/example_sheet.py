"""Example sheet: the images on which a model is worst, and those of which it is least sure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from trainer.core import picture_grid
from trainer.core.picture_grid import Picture, as_pixels, in_rows
from trainer.core.plotting import class_title
from trainer.core.text import ellipsis
from trainer.metrics.examples import Example, Examples

_WIDTH = 6
_CHARACTERS = 19  # of a line above an image
_CHANNELS = (1, 3)


def has_images(examples: Examples, transform: Any) -> bool:
    """Tell whether the examples can be looked at: prepared by a transform of images, or alike."""
    if not examples.worst:
        return False
    shape = examples.worst[0].prepared.shape
    return hasattr(transform, "pixels") or (
        len(shape) == 3 and (shape[0] in _CHANNELS or shape[2] in _CHANNELS) and min(shape[1:]) > 1
    )


def figure(examples: Examples, names: Sequence[str], transform: Any) -> Figure:
    """Return the picture; above each image its label, the prediction and its probability."""
    what = "label, prediction and its probability"
    parts = [
        (f"highest loss: {what}", examples.worst),
        (f"least sure: {what}", examples.least_sure),
    ]
    return picture_grid.sections(
        [
            (heading, in_rows([_picture(one, names, transform) for one in chosen], _WIDTH))
            for heading, chosen in parts
        ]
    )


def _picture(one: Example, names: Sequence[str], transform: Any) -> Picture:
    label, prediction = (_name(numbers, names) for numbers in (one.labels, one.predictions))
    title = f"{label}\nas {prediction}\n{100 * one.probability:.1f} %"
    colour = "black" if one.labels == one.predictions else "firebrick"
    return Picture(as_pixels(np.nan_to_num(one.prepared), transform), title, colour)


def _name(numbers: Sequence[int], names: Sequence[str]) -> str:
    """Return the names of classes; without a prediction, and without a label, there are none."""
    known = [at for at in numbers if at >= 0]
    titles = [
        class_title(at, names[at], _CHARACTERS) if at < len(names) else f"class {at}"
        for at in known
    ]
    return ellipsis(", ".join(titles), _CHARACTERS) or "none"
