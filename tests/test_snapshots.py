import logging
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from trainer.plan import ParameterPlan, Plan
from trainer.score import Score
from trainer.snapshots import Snapshots
from trainer.watcher import Epoch
from trainer.weights import Weights

PLAN = Plan(
    (ParameterPlan("a.weight", (2,), 8, "frozen", "a"), ParameterPlan("b", (), 4, "trainable"))
)


def told(number: int, a: tuple[float, float], b: float) -> Epoch:
    weights: Weights = {"a.weight": np.array(a, np.float32), "b": np.array(b, np.float32)}
    return Epoch(number, PLAN, weights, Score(0.0, None, 1))


EPOCHS = [((3.0, 4.0), 1.0), ((3.0, 4.0), -1.0), ((3.0, 4.0), -1.5)]


def run(folder: Path, keep: str = "all", shown: tuple[str, ...] = ()) -> list[Epoch]:
    snapshots = Snapshots(folder, keep, shown)
    epochs = [told(number, *values) for number, values in enumerate(EPOCHS)]
    for epoch in epochs:
        snapshots.epoch(epoch)
    snapshots.end(True)
    return epochs


@pytest.mark.parametrize(
    ("keep", "numbers"), [("all", ["000", "001", "002"]), ("last", ["002"]), ("off", [])]
)
def test_files_that_are_kept(keep: str, numbers: list[str], tmp_path: Path) -> None:
    run(tmp_path, keep)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"epoch_{number}.safetensors" for number in numbers]


def test_a_file_holds_the_weights_bit_for_bit(tmp_path: Path) -> None:
    run(tmp_path)
    stored = load_file(tmp_path / "epoch_001.safetensors")
    assert stored["a.weight"].tolist() == [3.0, 4.0]
    assert (stored["b"].tolist(), stored["b"].shape) == (-1.0, ())


def test_the_table_tells_how_far_each_has_gone(tmp_path: Path) -> None:
    still, moved = run(tmp_path)[2].changes
    assert still == {
        "name": "a.weight",
        "state": "frozen",
        "norm": 5.0,
        "largest_since_start": 0.0,
        "mean_since_start": 0.0,
        "largest_since_last": 0.0,
        "mean_since_last": 0.0,
    }
    assert (moved["name"], moved["state"], moved["norm"]) == ("b", "trainable", 1.5)
    assert (moved["largest_since_start"], moved["largest_since_last"]) == (2.5, 0.5)


def test_the_table_is_made_where_no_file_is_kept(tmp_path: Path) -> None:
    assert len(run(tmp_path, "off")[1].changes) == 2


def test_values_are_printed_at_the_start_and_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "trainer"):
        run(tmp_path, "off", ("a", "b"))
    assert caplog.messages == [
        "a.weight at start:\n[3. 4.]",
        "b at start:\n1.",
        "a.weight at end, equal to start:\n[3. 4.]",
        "b at end, not equal to start:\n-1.5",
    ]
