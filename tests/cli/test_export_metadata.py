"""Metadata of an exported file: what its outputs are, and why its preparation may be missing."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mindspore import Tensor, nn

from trainer.artifacts import preparation
from trainer.cli import export_metadata
from trainer.losses.bce import BCEWithLogitsLoss
from trainer.losses.cross_entropy import CrossEntropyLoss
from trainer.losses.mse import MSELoss

X = Tensor(np.zeros((4, 3, 8, 8), np.float32))
Y = Tensor(np.zeros(4, np.int32))


def settings(transform: dict[str, Any] | None = None) -> Any:
    """Stand for those of a run, of which only the transform is read."""
    spec = SimpleNamespace(spec=lambda: transform) if transform else None
    return SimpleNamespace(transform=spec)


@pytest.mark.parametrize(
    ("loss", "task"),
    [
        (CrossEntropyLoss(), "classes"),
        (BCEWithLogitsLoss(), "labels"),
        (MSELoss(), "numbers"),
        (nn.BCELoss(), "numbers"),
    ],
)
def test_the_loss_determines_what_outputs_are(loss: nn.Cell, task: str) -> None:
    texts, why = export_metadata.metadata(settings(), loss, [X, Y], ["Hündin", "cat"])
    assert why == ""
    assert json.loads(texts["class_names"]) == ["Hündin", "cat"]
    record = preparation.from_metadata(texts, "net.onnx")
    assert (record.task, record.shape, record.transform) == (task, [1, 3, 8, 8], None)


@pytest.mark.parametrize(
    ("transform", "batch", "problem"),
    [
        (None, [X, X, Y], "the model has 2 inputs"),
        ({"_target_": "mine.Own"}, [X, Y], "transform: _target_: expected one that transform="),
    ],
)
def test_a_preparation_that_cannot_be_read_is_not_written(
    transform: dict[str, Any] | None, batch: list[Tensor], problem: str
) -> None:
    texts, why = export_metadata.metadata(settings(transform), CrossEntropyLoss(), batch, ())
    assert why.startswith(problem)
    assert texts == {}
