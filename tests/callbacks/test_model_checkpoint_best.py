"""Which checkpoint is the best one."""

import math
from pathlib import Path

import pytest

from tests.support.model_checkpoints import begin_saving, savers
from tests.support.nets import TwoConvs
from trainer.backend.host_copy import to_numpy
from trainer.callbacks.history_recorder import HistoryRecorder
from trainer.checkpoint import checkpoint_index
from trainer.engine.callback import EpochResult
from trainer.engine.history import History
from trainer.engine.progress import Progress
from trainer.metrics.evaluator import Score


@pytest.mark.parametrize(
    ("best", "values", "cost"),
    [
        ("accuracy", {"validation_loss": 0.5, "accuracy": 0.25}, -0.25),
        ("accuracy", {"validation_loss": 0.5}, 0.5),  # labels are no classes
        ("validation_loss", {"validation_loss": 0.5, "accuracy": 0.25}, 0.5),
        ("validation_loss", {"accuracy": 0.25}, None),
        (None, {"validation_loss": 0.5, "accuracy": 0.25}, None),
        ("accuracy", {}, None),
    ],
)
def test_the_cost_by_which_the_best_is_chosen(
    best: str | None, values: dict[str, float], cost: float | None, tmp_path: Path
) -> None:
    history = History()
    history.add(Progress(2, 1), values)
    kept = savers(tmp_path, TwoConvs(), history, best=best)[1]
    assert kept._cost(Progress(2, 1)) == cost
    assert kept._cost(Progress(2, 2)) is None


def test_the_best_is_the_epoch_with_the_least_loss_or_the_most_right(tmp_path: Path) -> None:
    nan = math.nan
    scores = [(nan, nan), (0.5, 0.9), (0.4, 0.8), (0.6, 0.7), (0.7, 0.6)]
    for best, expected in (("validation_loss", 3), ("accuracy", 2), (None, 0)):
        folder = tmp_path / str(best)
        history = History()
        kept = begin_saving(folder, history, best=best)
        plan, copied = kept._applied.plan, to_numpy(kept._applied.model)
        for number, score in enumerate(scores, 1):
            epoch = EpochResult(number, plan, copied, Score(*score, 10))
            HistoryRecorder(history).on_epoch_end(epoch)
            kept.on_epoch_end(epoch)
        kept._writer.on_run_end(True)
        found = checkpoint_index.best(folder / "checkpoints")
        assert (int(found.name.split("_")[1]) if found else 0) == expected
