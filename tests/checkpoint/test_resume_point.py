"""Where a run continues from its last checkpoint, and what of its settings may have changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.settings import GOOD
from trainer.checkpoint import checkpoint_index
from trainer.checkpoint.changed_settings import KEYS_BY_PART
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.checkpoint.resume import ResumePoint, ResumeRequest, resume_point
from trainer.config import schema
from trainer.config.schema import Settings
from trainer.core import atomic_files
from trainer.engine.progress import Progress

PROGRESS = Progress(2, 3, loss=1.5, samples=24, seconds=0.5)


def settings_of(**changes: Any) -> Settings:
    settings, problems = schema.read({**GOOD, "epochs": 5, **changes})
    assert problems == []
    return settings


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was stopped after 2 epochs and 3 steps."""
    saved = Checkpoint(PROGRESS, {"a": np.zeros(1)}, {}, {}, {}, settings_of().plain(), 10, {})
    checkpoint_index.save(
        tmp_path / "checkpoints",
        replace(saved, settings=atomic_files.plain(saved.settings)),
    )
    (tmp_path / ".hydra").mkdir()
    return tmp_path


def resumed(run: Path, allow: str = "", **changes: Any) -> tuple[ResumePoint | None, list[str]]:
    request = ResumeRequest([], run, frozenset({allow} - {""}), required=True)
    return resume_point(request, settings_of(**changes))


def test_the_same_settings_continue_after_the_last_step(run: Path) -> None:
    point, problems = resumed(run)
    assert point is not None
    assert (point.progress, problems) == (PROGRESS, [])


@pytest.mark.parametrize(("epochs", "fits"), [(2, False), (3, True)])
def test_an_epoch_that_has_begun_counts(run: Path, epochs: int, fits: bool) -> None:
    problems = resumed(run, epochs=epochs)[1]
    message = f"epochs: expected at least 3, which have begun, received {epochs}"
    assert problems == ([] if fits else [message])


@pytest.mark.parametrize(("file", "found"), [("model.safetensors", 1), ("another", 0)])
def test_a_run_that_has_ended_without_a_checkpoint_is_not_begun_again(
    file: str, found: int, tmp_path: Path
) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / file).touch()
    point, problems = resume_point(ResumeRequest([], tmp_path), settings_of())
    assert point is None
    assert problems == [f"resume: expected a checkpoint in {tmp_path}, found none"] * found
    _, problems = resume_point(ResumeRequest([], tmp_path, required=True), settings_of())
    assert len(problems) == 1


CHANGES: dict[str, dict[str, Any]] = {
    "policy": {"freeze": "a"},
    "model": {"model": {"_target_": "a.Net", "width": 4}},
    "dataset": {"batch_size": 7},
    "transform": {"transform": {"_target_": "a.transform"}},
    "optimizer": {"optimizer": {"_target_": "a.Optimizer", "lr": 2}},
    "loss": {"loss": {"_target_": "a.Other"}},
    "adapter": {"adapter": {"_target_": "a.adapter"}},
    "schedule": {"schedule": {"_target_": "a.schedule"}},
    "gradient": {"gradient": {"clip": "norm", "clip_value": 0.5}},
    "ema": {"ema": {"decay": 0.9}},
    "device": {"device": {"target": "cpu", "precision": "float16"}},
    "seed": {"seed": 1},
}


def test_each_part_is_tried() -> None:
    assert set(CHANGES) == {part for part, keys in KEYS_BY_PART.items() if keys}


@pytest.mark.parametrize("part", CHANGES)
def test_a_change_is_refused_unless_its_part_is_allowed(run: Path, part: str) -> None:
    (problem,) = resumed(run, **CHANGES[part])[1]
    assert problem.startswith(f"resume: expected the {part} of the run in {run}")
    assert problem.endswith(f"resume.allow=[{part}]")
    another = next(name for name in KEYS_BY_PART if name != part)
    assert resumed(run, another, **CHANGES[part])[1] == [problem]
    assert resumed(run, part, **CHANGES[part])[1] == []


@pytest.mark.parametrize("part", CHANGES)
def test_other_batches_begin_the_epoch_again_with_nothing_of_its_sums(run: Path, part: str) -> None:
    point, _ = resumed(run, part, **CHANGES[part])
    assert point is not None
    assert point.progress == (Progress(2) if part in ("dataset", "seed") else PROGRESS)


def test_so_does_another_number_of_batches_per_step(run: Path) -> None:
    point, problems = resumed(run, "gradient", gradient={"accumulation_steps": 2})
    assert point is not None
    assert (point.progress, problems) == (Progress(2), [])
