"""Which averages of the weights a run leaves when a resume has switched them off."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.support.settings import GOOD
from trainer.checkpoint import checkpoint_index
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.config import schema
from trainer.core.run_files import CHECKPOINTS, EMA, MODEL
from trainer.core.tensors import Weights
from trainer.engine.ema import PREFIX
from trainer.engine.progress import Progress
from trainer.run import final_weights

WEIGHTS: Weights = {"w": np.ones(2, np.float32)}


def context(folder: Path, **ema: float) -> Any:
    """What ``final_weights`` needs of a run that restores its best weights."""
    settings, problems = schema.read({**GOOD, "ema": ema, "early_stopping": {"restore_best": True}})
    assert not problems
    return SimpleNamespace(settings=settings, folder=folder)


def test_averages_of_before_are_removed(tmp_path: Path) -> None:
    (tmp_path / EMA).touch()
    final_weights.write_so_far(context(tmp_path), WEIGHTS, None)
    assert [path.name for path in tmp_path.iterdir()] == [MODEL]


def test_the_best_weights_have_averages_only_if_the_run_has(tmp_path: Path) -> None:
    state: Weights = {f"{PREFIX}w": np.zeros(2, np.float32)}
    saved = Checkpoint(Progress(1), WEIGHTS, state, {}, {}, {}, 1, {}, history=[])
    checkpoint_index.save(tmp_path / CHECKPOINTS, saved, 0.5)
    with_averages = final_weights._best(context(tmp_path, decay=0.9))
    without = final_weights._best(context(tmp_path))
    assert with_averages is not None
    assert with_averages.averages is not None
    assert with_averages.averages["w"].tolist() == [0, 0]
    assert without is not None
    assert without.averages is None
