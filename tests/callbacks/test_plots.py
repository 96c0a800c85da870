"""Which pictures a run leaves in its folder."""

from pathlib import Path

import pytest

from tests.support.epoch_records import epochs
from trainer.callbacks.plots import Plots
from trainer.core import atomic_files


@pytest.fixture(autouse=True)
def plots_on_run_end() -> None:
    """Runs draw their plots."""


def test_nothing_is_drawn_of_a_run_that_trained_nothing(tmp_path: Path) -> None:
    atomic_files.write_text(tmp_path / "metrics.jsonl", atomic_files.dumps(epochs()[0]))
    Plots(tmp_path).on_run_end(True)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_what_is_drawn_is_what_the_metrics_hold(tmp_path: Path) -> None:
    lines = map(atomic_files.dumps, epochs())
    atomic_files.write_text(tmp_path / "metrics.jsonl", "".join(f"{line}\n" for line in lines))
    Plots(tmp_path).on_run_end(True)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"metrics.jsonl", "weights.png", "curves.png"}
    for name in names - {"metrics.jsonl"}:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG"), name
