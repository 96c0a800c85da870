"""The comparison of whole runs: what is read back, and what its text says of the goals."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from scripts.benchmark import whole_runs
from scripts.benchmark.whole_runs import FILE, Run


def runs(ratio: float, points: float) -> list[Run]:
    """Return two seeds with and without automatic freezing."""
    every = [Run("all", seed, 100.0 + seed, 0.9) for seed in (0, 1)]
    return every + [
        Run("auto", r.seed, r.seconds / ratio, r.accuracy + points / 100) for r in every
    ]


@pytest.mark.parametrize(("ratio", "verdict"), [(2.0, "goal 1.8: met"), (1.5, "goal 1.8: MISSED")])
def test_the_goal_is_judged_by_the_median(ratio: float, verdict: str) -> None:
    assert f"{ratio:.2f} times faster" in (text := whole_runs.text(runs(ratio, -0.2)))
    assert verdict in text
    assert "accuracy -0.20 points (95 % interval -0.20 to -0.20)" in text


def test_what_was_not_measured_has_no_verdict() -> None:
    text = whole_runs.text(runs(2.0, 0.0))
    assert "pytorch" not in text
    assert len(text.splitlines()) == 4  # two rows beneath the head, and one verdict


def test_seeds_that_only_one_contender_has_are_left_out() -> None:
    text = whole_runs.text([*runs(2.0, 0.0), Run("auto", 2, 1.0, 0.1)])
    assert "2.00 times faster (2.00 to 2.00)" in text


def test_results_are_read_back(tmp_path: Path) -> None:
    assert whole_runs.read(tmp_path) == []
    rows = runs(2.0, 0.1)
    lines = "".join(f"{json.dumps(asdict(run))}\n" for run in rows)
    (tmp_path / FILE).write_text(lines)
    assert whole_runs.read(tmp_path) == rows
    assert whole_runs.read(tmp_path, ["optimizer.lr=0.1"]) == []
