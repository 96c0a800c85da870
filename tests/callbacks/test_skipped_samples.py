import json
import logging
from pathlib import Path

import pytest

from trainer.callbacks.skipped_samples import SkippedSamples
from trainer.core.run_files import SKIPPED


def test_what_was_left_out_is_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    skipped: dict[str, dict[int, str]] = {"train": {}, "validation": {}}
    callback = SkippedSamples(tmp_path, skipped)
    skipped["train"] |= {7: "b.jpg: truncated", 2: "a.jpg: truncated"}
    with caplog.at_level(logging.WARNING, "trainer"):
        callback.on_run_end(True)
    assert json.loads((tmp_path / SKIPPED).read_text())["skipped"] == [
        {"split": "train", "index": 2, "reason": "a.jpg: truncated"},
        {"split": "train", "index": 7, "reason": "b.jpg: truncated"},
    ]
    assert "skipped 2 samples that cannot be read: skipped.json lists them" in caplog.text


def test_nothing_is_written_if_nothing_was(tmp_path: Path) -> None:
    SkippedSamples(tmp_path, {"train": {}}).on_run_end(True)
    assert list(tmp_path.iterdir()) == []
