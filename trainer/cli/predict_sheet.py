"""Predict sheet: the first files as the model gets them, with their predictions."""

from typing import Any

from matplotlib.figure import Figure

from trainer.cli.predict_output import Columns
from trainer.core.picture_grid import Picture, as_pixels, figure, in_rows
from trainer.core.text import ellipsis
from trainer.run.predictor import Prediction

MOST = 40  # files in a picture
_WIDTH = 8
_CHARACTERS = 20  # of a line above an image


class Sheet:
    """Collects the first predictions.

    Args:
        columns: what a prediction consists of.
        transform: what has prepared the files.
    """

    def __init__(self, columns: Columns, transform: Any) -> None:
        self._columns = columns
        self._transform = transform
        self._pictures: list[Picture] = []

    def add(self, prediction: Prediction) -> None:
        """Add a prediction, if there is room."""
        if len(self._pictures) < MOST:
            self._pictures.append(self._picture(prediction))

    def figure(self, count: int) -> Figure:
        """Return the picture; ``count`` is the number of all files."""
        shown = len(self._pictures)
        heading = "" if shown == count else f"the first {shown} of {count:,} files"
        return figure(in_rows(self._pictures, _WIDTH), heading)

    def _picture(self, prediction: Prediction) -> Picture:
        name = ellipsis(prediction.file.name, _CHARACTERS)
        pixels = None
        if prediction.prepared is not None:
            pixels = as_pixels(prediction.prepared, self._transform)
        if prediction.error:
            return Picture(pixels, f"no prediction\n{name}", "firebrick")
        lines = self._columns.title(prediction, _CHARACTERS)
        return Picture(pixels, "\n".join([*lines, name]))
