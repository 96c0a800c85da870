"""Predictions of classes, labels, scores and numbers, on the screen, as CSV and as JSON."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.cli import predict_output
from trainer.cli.predict_output import Columns
from trainer.run.predictor import Prediction

VALUES = np.array([0.1, 0.7, 1 / 3])
CLASSES = Columns(("a", "=b", "c,\n"), True, False, "probability", 2)
LABELS = Columns(("a", "=b", "c,\n"), True, True, "probability", 2)
SCORES = Columns((), True, False, "score", 1)
NUMBERS = Columns((), False, False, "score", 0)


def written(tmp_path: Path, columns: Columns, *files: str, name: str = "p.csv") -> Any:
    predictions = [Prediction(Path(file), VALUES) for file in files]
    rows = [columns.row(one) for one in [*predictions, Prediction(Path("x"), error="=bad\n")]]
    predict_output.write(tmp_path / name, rows, columns, {"weights": "run"})
    if name.endswith(".json"):
        return json.loads((tmp_path / name).read_text())
    with (tmp_path / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("columns", "head", "cells"),
    [
        (
            CLASSES,
            ["class", "probability", "class_2", "probability_2"],
            ["'=b", "0.7", "c,\n", "0.3333333333333333"],
        ),
        (
            LABELS,
            ["labels", "class", "probability", "class_2", "probability_2"],
            ["'=b", "'=b", "0.7", "c,\n", "0.3333333333333333"],
        ),
        (SCORES, ["class", "score"], ["1", "0.7"]),
        (NUMBERS, ["value_1", "value_2", "value_3"], ["0.1", "0.7", "0.3333333333333333"]),
    ],
)
def test_csv_has_all_digits_and_nothing_that_a_spreadsheet_executes(
    tmp_path: Path, columns: Columns, head: list[str], cells: list[str]
) -> None:
    rows = written(tmp_path, columns, "=a,b\n.jpg", "-1.jpg")
    assert rows[0] == ["file", *head, "error"]
    assert rows[1] == ["./=a,b\n.jpg", *cells, ""]
    assert rows[2][0] == "./-1.jpg"
    assert rows[3] == ["x", *[""] * len(head), "'=bad\\n"]


def test_a_name_that_is_no_utf8_is_written(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.jpg")
    assert written(tmp_path, CLASSES, name)[1][0] == r"\udcff.jpg"
    assert written(tmp_path, CLASSES, name, name="p.json")["predictions"][0]["file"] == name


def test_json_has_numbers_and_names(tmp_path: Path) -> None:
    record = written(tmp_path, LABELS, "a.jpg", name="p.json")
    assert record["weights"] == "run"
    assert record["predictions"] == [
        {
            "file": "a.jpg",
            "labels": ["=b"],
            "classes": [
                {"class": "=b", "number": 1, "probability": 0.7},
                {"class": "c,\n", "number": 2, "probability": 1 / 3},
            ],
        },
        {"file": "x", "error": "=bad\n"},
    ]
    record = written(tmp_path, NUMBERS, "a.jpg", name="p.json")
    assert record["predictions"][0] == {"file": "a.jpg", "values": VALUES.tolist()}


def test_the_screen_is_one_line_a_file() -> None:
    error = Prediction(Path("x"), error="bad")
    rows = [LABELS.row(Prediction(Path("a\nb.jpg"), VALUES)), LABELS.row(error)]
    head, first, second = predict_output.text(rows, LABELS).splitlines()
    assert head.split()[:4] == ["file", "labels", "class", "probability"]
    assert first.split() == [r"a\nb.jpg", "=b", "=b", "70.00", "%", r"c,\n", "33.33", "%"]
    assert second.split() == ["x", "cannot", "be", "predicted"]
