import logging
from pathlib import Path

import pytest

from trainer.artifacts import manifest
from trainer.callbacks.manifest_writer import ManifestWriter


@pytest.mark.parametrize("done", [True, False])
def test_the_end_is_sealed_and_the_checksum_told(
    done: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with caplog.at_level(logging.INFO, "trainer"):
        ManifestWriter(tmp_path).on_run_end(done)
    sealed = manifest.read(tmp_path)
    assert sealed is not None
    assert sealed.done is done
    assert manifest.problems(tmp_path) == []
    assert caplog.messages == [f"manifest sha256 {sealed.checksum}"]


def test_a_resume_is_noted(tmp_path: Path) -> None:
    for resumed in (False, True):
        seal = ManifestWriter(tmp_path)
        if resumed:
            seal.on_resume(0)
        seal.on_run_end(True)
        sealed = manifest.read(tmp_path)
        assert sealed is not None
        assert sealed.resumed is resumed


def test_a_run_without_a_manifest_has_not_ended(tmp_path: Path) -> None:
    assert "was killed" in manifest.problems(tmp_path)[0]


def test_what_goes_on_after_the_end_or_has_hashes_of_its_own_is_left_out(tmp_path: Path) -> None:
    kept = [".hydra/config.yaml", "checkpoints/index.json", "plan.json", "snapshots/epoch_000.json"]
    more = ["train.log", ".hydra/lock", "snapshots/epoch_000.safetensors", ".plan.json.7"]
    more += ["evaluation.json", "confusion.png", "export.onnx", "notes/today.txt"]  # not the run's
    for name in (*kept, *more):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert manifest.covered_files(tmp_path) == kept
