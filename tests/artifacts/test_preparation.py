"""The preparation in a file's metadata: written, read, and not trusted."""

import json
from typing import Any

import pytest

from trainer.artifacts import preparation
from trainer.artifacts.preparation import Preparation
from trainer.config import config_folders
from trainer.core.errors import ConfigError

TRANSFORM = config_folders.read("transform", "plain")
RECORD = {"format": 1, "transform": TRANSFORM, "task": "classes", "shape": [1, 3, 64, 64]}


def _read(record: Any) -> Preparation:
    return preparation.from_metadata({"preparation": json.dumps(record)}, "net.onnx")


def test_what_is_written_is_read() -> None:
    record = Preparation(transform=TRANSFORM, task="classes", shape=[1, 3, 64, 64])
    assert json.loads(record.to_json()) == RECORD
    assert _read(RECORD) == record
    assert _read({**RECORD, "transform": None}).transform is None
    assert _read({**RECORD, "later": 1}) == record


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": 2}, "expected format 1, received 2, which a newer trainer reads"),
        ({"task": "boxes"}, "preparation.task: expected 'classes', 'labels' or 'numbers'"),
        ({"shape": []}, "preparation.shape: "),
        ({"transform": {"_target_": "os.system"}}, "expected one that transform= offers, trainer."),
        ({"transform": {}}, "received None"),
        ({"transform": {**TRANSFORM, "mean": {"_target_": "os.system"}}}, "mean: expected a plain"),
        ({"transform": {**TRANSFORM, "std": [{"_target_": "os.system"}]}}, "std: expected a plain"),
        ({"transform": {**TRANSFORM, "_args_": ["ls"]}}, "_args_: expected a plain value"),
        ({"transform": {**TRANSFORM, "scale": "${oc.env:HOME}"}}, "scale: expected a plain value"),
    ],
)
def test_what_is_not_accepted(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        _read({**RECORD, **change})
    assert "net.onnx: preparation" in str(error.value)
    assert problem in str(error.value)


@pytest.mark.parametrize("text", [None, "{", "[]", "3", "[" * 100_000])
def test_no_record(text: str | None) -> None:
    with pytest.raises(ConfigError, match=r"net.onnx: .*expected"):
        preparation.from_metadata({"preparation": text} if text else {}, "net.onnx")
