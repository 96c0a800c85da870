import json
from pathlib import Path

import numpy as np
import pytest

from trainer.callbacks import metrics_jsonl
from trainer.callbacks.metrics_jsonl import MetricsJsonl
from trainer.core.tensors import Weights
from trainer.engine.callback import EpochResult
from trainer.engine.history import History
from trainer.engine.progress import Progress
from trainer.freezing.plan import Plan
from trainer.metrics.evaluator import Score


def told(number: int, loss: float | None = None, validation: float = 0.5) -> EpochResult:
    weights: Weights = {"a": np.zeros(1, np.float32)}
    return EpochResult(number, Plan(()), weights, Score(validation, 0.75, 8), steps=2, loss=loss)


def test_a_line_an_epoch_whole_after_each(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = MetricsJsonl(path)
    for number, loss in enumerate([None, 1.5, 1.25]):
        metrics.on_epoch_end(told(number, loss))
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [line["epoch"] for line in lines] == list(range(number + 1))
    assert lines[2] == {
        "epoch": 2,
        "steps": 2,
        "loss": 1.25,
        "validation_loss": 0.5,
        "accuracy": 0.75,
        "monitor": {"name": "validation_loss", "mode": "min", "value": 0.5},
        "seconds": 0.0,
        "images_per_second": 0.0,
        "frozen_ok": True,
        "moved": {},
        "weights": [],
    }


def test_evaluations_within_an_epoch_are_in_its_line(tmp_path: Path) -> None:
    history = History()
    for steps, value in ((2, 0.9), (4, 0.8)):
        history.add(Progress(0, steps), {"validation_loss": value})
    history.add(Progress(1, 2), {"validation_loss": 0.7})
    metrics = MetricsJsonl(tmp_path / "metrics.jsonl", history=history)
    for number in range(3):
        metrics.on_epoch_end(told(number, 1.0))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    within = [{"step": 2, "validation_loss": 0.9}, {"step": 4, "validation_loss": 0.8}]
    later = [{"step": 2, "validation_loss": 0.7}]
    assert [line.get("evaluations") for line in lines] == [None, within, later]


def test_the_evaluation_where_a_run_ends_within_an_epoch_is_that_of_its_end(tmp_path: Path) -> None:
    history = History()
    for steps in (2, 3):
        history.add(Progress(1, steps), {"validation_loss": 0.1 * steps})
    epoch = told(2, 1.0)
    epoch.stopped_at = Progress(1, 3)
    MetricsJsonl(tmp_path / "metrics.jsonl", history=history).on_epoch_end(epoch)
    line = json.loads((tmp_path / "metrics.jsonl").read_text())
    assert line["evaluations"] == [{"step": 2, "validation_loss": 0.2}]


def test_metrics_of_an_older_run_are_its_evaluations(tmp_path: Path) -> None:
    metrics = MetricsJsonl(tmp_path / "metrics.jsonl")
    for number in range(4):
        metrics.on_epoch_end(told(number, 1.0, validation=0.1 * number))
    rows = metrics_jsonl.measurements(tmp_path / "metrics.jsonl", epochs=2)
    history = History.from_json(rows, lambda progress: True)
    assert history.series("validation_loss") == [(Progress(1), 0.1), (Progress(2), 0.2)]


def test_what_moved_and_the_table_of_weights_are_in_the_line(tmp_path: Path) -> None:
    metrics, epoch = MetricsJsonl(tmp_path / "metrics.jsonl"), told(1, 1.0)
    epoch.moved = {"a": "by 1: because"}
    epoch.changes = [{"name": "a", "norm": 1.0}]
    metrics.on_epoch_end(epoch)
    line = json.loads((tmp_path / "metrics.jsonl").read_text())
    assert (line["frozen_ok"], line["moved"]) == (False, epoch.moved)
    assert line["weights"] == epoch.changes


def test_a_line_is_strict_json_where_a_number_is_not_finite(tmp_path: Path) -> None:
    MetricsJsonl(tmp_path / "metrics.jsonl").on_epoch_end(told(1, 1.0, validation=float("nan")))
    json.loads((tmp_path / "metrics.jsonl").read_text(), parse_constant=pytest.fail)


def test_a_resumed_run_forgets_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    before = MetricsJsonl(path)
    for number in range(4):
        before.on_epoch_end(told(number, float(number)))
    resumed = MetricsJsonl(path)
    resumed.on_resume(2)
    resumed.on_epoch_end(told(3, 7.0))
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["loss"] for record in records] == [0.0, 1.0, 2.0, 7.0]
