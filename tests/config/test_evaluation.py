"""What may be monitored, and what does not fit together."""

from pathlib import Path

import pytest

from trainer.config import evaluation, metrics
from trainer.config.evaluation import EarlyStopping, Evaluation, mode, unknown
from trainer.core.errors import ConfigError


def test_the_direction_is_that_of_the_metric() -> None:
    assert (mode("validation_loss"), mode("accuracy"), mode("f1")) == ("min", "max", "max")
    assert mode("ema.validation_loss") == "min"
    assert "mode" not in metrics.spec("f1")


def test_a_mode_is_min_or_max(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_read", lambda name: {"_target_": "f", "mode": "up"})
    with pytest.raises(ConfigError, match=r"metric/f1.yaml: mode: expected min or max, .* 'up'"):
        metrics.mode("f1")


@pytest.mark.parametrize(
    ("name", "measured", "problem"),
    [
        ("validation_loss", [], ""),
        ("f1", ["f1"], ""),
        ("ema.accuracy", [], ""),
        ("f1", [], "to measure it: evaluation.metrics=[f1]"),
        ("acuracy", [], "nearest: accuracy"),
        ("ema.f11", ["f1"], "nearest: f1"),
    ],
)
def test_what_can_be_monitored(name: str, measured: list[str], problem: str) -> None:
    assert problem in unknown(name, measured)
    assert bool(problem) == bool(unknown(name, measured))


def test_the_best_checkpoint_is_the_monitors_where_it_is_restored() -> None:
    monitor = Evaluation(monitor="accuracy")
    restoring = EarlyStopping(restore_best=True)
    assert not evaluation.problems(monitor, restoring, "accuracy")
    (problem,) = evaluation.problems(monitor, restoring, "validation_loss")
    assert "checkpoint.best: expected evaluation.monitor (accuracy)" in problem
    (problem,) = evaluation.problems(monitor, restoring, None)
    assert problem.endswith("received null")
    (problem,) = evaluation.problems(monitor, EarlyStopping(), "f11")
    assert "nearest: f1" in problem


def test_shipped_metrics_state_their_direction() -> None:
    folder = Path(__file__).parents[2] / "conf/metric"
    texts = {path.stem: path.read_text() for path in folder.glob("*.yaml")}
    assert {"accuracy", "rmse"} <= texts.keys()
    assert [name for name, text in texts.items() if "\nmode: m" not in text] == []
