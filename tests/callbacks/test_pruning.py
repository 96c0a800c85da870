"""Trials of a search that end early, with a real database of Optuna."""

import math
from pathlib import Path
from typing import Any, cast

import pytest

from trainer.callbacks.pruning import Pruning, TrialInfo
from trainer.engine.callback import RunInfo
from trainer.engine.history import History
from trainer.engine.progress import Progress
from trainer.metrics.evaluator import NOT_MEASURED
from trainer.metrics.monitor import Monitor

optuna = pytest.importorskip("optuna", reason="needs the extra search")
RUN = cast(RunInfo, None)


@pytest.fixture
def study(tmp_path: Path) -> Any:
    """A search in which two trials have ended, with losses of 1, 0.5 and 0.25."""
    url = f"sqlite:///{tmp_path}/optuna.db"
    study = optuna.create_study(study_name="trainer", storage=url, direction="minimize")
    for _ in range(2):
        trial = study.ask()
        for number, value in enumerate((1.0, 0.5, 0.25), 1):
            trial.report(value, number)
        study.tell(trial, 0.25)
    return study


def pruning(study: Any, tmp_path: Path, warmup: int = 0) -> tuple[Pruning, History]:
    history, trial = History(), study.ask()
    url = f"sqlite:///{tmp_path}/optuna.db"
    info = TrialInfo(url, "trainer", trial._trial_id, "median", 1, warmup)
    return Pruning(info, Monitor(), history), history


def measure(callback: Pruning, history: History, *values: float) -> None:
    for value in values:
        progress = Progress(0, len(history.as_json()) + 1)
        history.add(progress, {"validation_loss": value})
        callback.on_evaluation(progress, NOT_MEASURED)


def test_a_trial_that_is_worse_than_the_median_ends(study: Any, tmp_path: Path) -> None:
    callback, history = pruning(study, tmp_path)
    callback.on_run_start(RUN)
    measure(callback, history, 0.9, 0.4)
    assert callback.reason == ""
    measure(callback, history, 0.3)
    assert "validation_loss of evaluation 3, 0.3, is worse" in callback.reason


def test_a_value_that_is_not_finite_ends_a_trial_after_a_good_one(
    study: Any, tmp_path: Path
) -> None:
    callback, history = pruning(study, tmp_path)
    callback.on_run_start(RUN)
    measure(callback, history, 0.1, math.nan, 0.1)
    assert callback.reason.endswith("evaluation 2, nan, is not finite")


def test_a_resumed_trial_reports_what_it_had_measured(study: Any, tmp_path: Path) -> None:
    callback, history = pruning(study, tmp_path, warmup=5)
    for epochs, value in enumerate((0.9, 0.8), 1):
        history.add(Progress(epochs), {"validation_loss": value})
    callback.on_run_start(RUN)
    (trial,) = (each for each in study.trials if each.state.name == "RUNNING")
    assert trial.intermediate_values == {1: 0.9, 2: 0.8}
