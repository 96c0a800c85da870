"""Picture grid: images with titles, in rows of one figure. Needs no MindSpore."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer.core.plotting import drawable

SIDE = 1.3  # inches of an image
_LINE = 0.13  # inches of a line of a title
_HEADING = 0.3  # inches of a heading


@dataclass(frozen=True)
class Picture:
    """One image of a grid.

    Attributes:
        pixels: [H, W, 3] or [H, W], 0 to 1 or whole numbers of 0 to 255; None: an empty place.
        title: above it, in one line or several.
        colour: of the title.
    """

    pixels: NDArray[Any] | None
    title: str
    colour: str = "black"


def as_pixels(prepared: NDArray[Any], transform: Any = None) -> NDArray[Any]:
    """Return a prepared image as pixels, by the transform or stretched to 0 to 1.

    Args:
        prepared: [C, H, W] with 1 or 3 channels, [H, W, C] or [H, W].
        transform: may have a method `pixels`.
    """
    if transform is not None and hasattr(transform, "pixels"):
        return np.asarray(transform.pixels(prepared))
    image = np.squeeze(np.asarray(prepared, np.float32))
    if image.ndim == 3 and image.shape[0] in (1, 3):
        image = image.transpose(1, 2, 0)
    if image.ndim == 3 and image.shape[2] != 3:
        image = image[..., 0]
    low, high = float(image.min()), float(image.max())
    return (image - low) / (high - low or 1.0)


def in_rows(pictures: Sequence[Picture], width: int) -> list[Sequence[Picture]]:
    """Return pictures in rows of a width."""
    return [pictures[at : at + width] for at in range(0, len(pictures), width)]


def figure(sheet: Sequence[Sequence[Picture]], heading: str = "") -> Figure:
    """Return rows of pictures as one figure, with a heading above all of them if there is one."""
    return sections([(heading, sheet)])


def sections(parts: Sequence[tuple[str, Sequence[Sequence[Picture]]]]) -> Figure:
    """Return rows of pictures as one figure, in parts with a heading each; empty: it has none."""
    width = max(len(row) for _, sheet in parts for row in sheet)
    heights = [_height(sheet) + _HEADING * bool(heading) for heading, sheet in parts]
    size = (SIDE * max(width, 3), sum(heights))
    drawing = Figure(figsize=size, dpi=120, layout="constrained")
    places = drawing.subfigures(len(parts), 1, squeeze=False, height_ratios=heights)
    for place, (heading, sheet) in zip(places.flat, parts, strict=True):
        if heading:
            place.suptitle(drawable(heading), fontsize=9)
        _draw(place.subplots(len(sheet), width, squeeze=False), sheet)
    return drawing


def _height(sheet: Sequence[Sequence[Picture]]) -> float:
    lines = max(picture.title.count("\n") + 1 for row in sheet for picture in row)
    return (SIDE + 0.1 + _LINE * lines) * len(sheet)


def _draw(grid: NDArray[Any], sheet: Sequence[Sequence[Picture]]) -> None:
    for axes in grid.flat:
        axes.axis("off")
        axes.set_anchor("S")  # the room is for the title
    for place, row in zip(grid, sheet, strict=True):
        for axes, picture in zip(place, row, strict=False):
            pixels = np.ones((1, 1)) if picture.pixels is None else picture.pixels
            axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(drawable(picture.title), fontsize=7, color=picture.colour)
