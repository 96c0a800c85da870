"""Predict output: predictions as a table for the screen, as CSV and as JSON."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core import atomic_files, plotting
from trainer.core.table import table
from trainer.core.text import printable
from trainer.run.predictor import Prediction, Predictor

LABEL_SHARE = 0.5  # the probability from which a label counts as given
SEPARATOR = "|"  # between labels in a cell, as image_table reads them
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet executes


@dataclass(frozen=True)
class Row:
    """The prediction for one file.

    Attributes:
        file: its path.
        best: numbers of the most probable classes with their probabilities or scores.
        values: numbers, where there are no classes.
        labels: numbers of the classes whose probability is at least ``LABEL_SHARE``.
        error: why there is no prediction; empty: there is one.
    """

    file: Path
    best: Sequence[tuple[int, float]] = ()
    values: Sequence[float] = ()
    labels: Sequence[int] = ()
    error: str = ""


@dataclass(frozen=True)
class Columns:
    """What the predictions of a model consist of.

    Attributes:
        names: of the classes; none: they have numbers only, or there are none.
        is_ranked: whether outputs are classes, of which the first ones are shown.
        has_labels: whether each class is true or not by itself.
        share: what the value of a class is called.
        count: classes, or numbers, in a row.
    """

    names: Sequence[str]
    is_ranked: bool
    has_labels: bool
    share: str
    count: int

    @classmethod
    def of(cls, predictor: Predictor, top: int) -> "Columns":
        """Return those of a model, of whose classes at most ``top`` are shown."""
        activation, names = predictor.activation, predictor.class_names
        share = "probability" if activation else "score"
        is_ranked = bool(activation or names)
        return cls(names, is_ranked, activation == "sigmoid", share, top if is_ranked else 0)

    def name(self, number: int) -> str:
        """Return the name of a class, or its number."""
        return self.names[number] if self.names else str(number)

    def row(self, prediction: Prediction) -> Row:
        """Return what is kept of a prediction."""
        values = prediction.values
        if prediction.error or values is None:
            return Row(prediction.file, error=prediction.error)
        if not self.is_ranked:
            return Row(prediction.file, values=values.tolist())
        labels = np.flatnonzero(values >= LABEL_SHARE).tolist() if self.has_labels else ()
        return Row(prediction.file, _best(values, self.count), labels=labels)

    def title(self, prediction: Prediction, limit: int) -> list[str]:
        """Return the most probable class and its share, or the first numbers, for a picture."""
        row = self.row(prediction)
        if not self.is_ranked:
            return [_short(value, False) for value in row.values[:2]]
        number, value = row.best[0]
        name = plotting.class_title(number, self.name(number), limit)
        return [name, _short(value, self.share == "probability")]


def _best(values: NDArray[np.float64], count: int) -> list[tuple[int, float]]:
    order = np.argsort(-values, kind="stable")[:count]
    return [(int(number), float(values[number])) for number in order]


def text(rows: Sequence[Row], columns: Columns) -> str:
    """Return the table for the screen."""
    width = max((len(row.best) or len(row.values) for row in rows), default=0)
    head = ["file", *(name.replace("_", " ") for name in _head(columns, width or 1))]
    body = []
    for row in rows:
        cells = [printable(os.fspath(row.file)), *map(printable, _cells(row, columns, _short))]
        if row.error:
            cells = [cells[0], "cannot be predicted"]
        body.append([*cells, *[""] * (len(head) - len(cells))])
    texts = [at for at, name in enumerate(head) if at == 0 or name.startswith(("class", "labels"))]
    return table([head, *body], texts)


def _short(value: float, is_share: bool) -> str:
    return f"{100 * value:.2f} %" if is_share else f"{value:.6g}"


def _exact(value: float, is_share: bool) -> str:
    return repr(value)


def _head(columns: Columns, width: int) -> list[str]:
    """Return the names of the columns between the file and the error."""
    numbered = [""] + [f"_{place}" for place in range(2, width + 1)]
    if not columns.is_ranked:
        return ["value"] if width == 1 else [f"value_{place}" for place in range(1, width + 1)]
    labels = ["labels"] if columns.has_labels else []
    pairs = [(f"class{end}", f"{columns.share}{end}") for end in numbered[:width]]
    return [*labels, *(name for pair in pairs for name in pair)]


def _cells(row: Row, columns: Columns, number: Any) -> list[str]:
    if not columns.is_ranked:
        return [number(value, False) for value in row.values]
    is_share = columns.share == "probability"
    pairs = [(columns.name(at), number(value, is_share)) for at, value in row.best]
    labels = [SEPARATOR.join(map(columns.name, row.labels))] if columns.has_labels else []
    return [*labels, *(cell for pair in pairs for cell in pair)]


def write(path: Path, rows: Sequence[Row], columns: Columns, facts: dict[str, Any]) -> None:
    """Write the predictions atomically, as JSON with the facts, or as CSV, by the file's ending."""
    if path.suffix == ".json":
        predictions = [_record(row, columns) for row in rows]
        atomic_files.write_lines(path, {**facts, "predictions": predictions})
        return
    width = max((len(row.best) or len(row.values) for row in rows), default=0)
    head = _head(columns, width)
    with (
        atomic_files.atomic_write(path) as partial,
        partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", *head, "error"])
        for row in rows:
            cells = _cells(row, columns, _exact) if not row.error else []
            cells = [cell if _is_number(cell) else _as_text(cell) for cell in cells]
            padding = [""] * (len(head) - len(cells))
            writer.writerow([_as_path(row.file), *cells, *padding, _as_text(printable(row.error))])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _as_text(cell: str) -> str:
    """Return a cell that no spreadsheet executes."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _as_path(file: Path) -> str:
    """Return the path of the same file that no spreadsheet executes."""
    name = os.fspath(file)
    return f"./{name}" if name.startswith(_FORMULA) else name


def _record(row: Row, columns: Columns) -> dict[str, Any]:
    record: dict[str, Any] = {"file": os.fspath(row.file)}
    if row.error:
        return {**record, "error": row.error}
    if not columns.is_ranked:
        return {**record, "values": list(row.values)}
    if columns.has_labels:
        record["labels"] = [columns.name(number) for number in row.labels]
    return record | {
        "classes": [
            {"class": columns.name(at), "number": at, columns.share: value}
            for at, value in row.best
        ]
    }
