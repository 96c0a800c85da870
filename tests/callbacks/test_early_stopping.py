"""Why a run ends before its time."""

import pytest

from trainer.callbacks.early_stopping import EarlyStopping
from trainer.config.evaluation import EarlyStopping as Settings
from trainer.engine.history import History
from trainer.engine.progress import Progress
from trainer.metrics.monitor import Monitor


@pytest.mark.parametrize(
    ("min_delta", "reason"),
    [
        (0.2, "validation_loss has not improved by more than 0.2 in 2 evaluations; the best is"),
        (0.0, ""),
    ],
)
def test_an_improvement_that_is_too_small_is_none_and_said_so(
    min_delta: float, reason: str
) -> None:
    history = History()
    for epoch, loss in enumerate([1.0, 0.95, 0.9], 1):
        history.add(Progress(epoch), {"validation_loss": loss})
    stopping = EarlyStopping(Settings(patience=2, min_delta=min_delta), Monitor(), history)
    assert reason in stopping.reason()
    assert bool(reason) == bool(stopping.reason())
