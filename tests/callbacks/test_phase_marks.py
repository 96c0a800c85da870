"""Where the phases of a run begin, in its pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from tests.support.epoch_records import epochs
from trainer.callbacks import phase_marks
from trainer.callbacks.plots import curves_figure, weights_figure


def test_they_are_those_of_the_proof(tmp_path: Path) -> None:
    path, records = tmp_path / "proof.json", [{"steps": 0}, {"steps": 20}, {"steps": 20}]
    chapters = [
        {"phase": "head", "begin": {"epochs": 0, "steps": 0}},
        {"epochs": 1, "steps": 2},  # closed by a resume under another plan
    ]
    last = {"name": "all", "epochs": 1, "steps": 5}
    path.write_text(json.dumps({"chapters": chapters, "phase": last}))
    assert phase_marks.read(path, records) == [("head", 0.0), ("all", 1.25)]


@pytest.mark.parametrize("text", [None, "{}", "[", '{"chapters": [{"begin": 1}]}'])
def test_without_phases_or_a_sound_proof_there_are_none(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    if text is not None:
        path.write_text(text)
    assert phase_marks.read(path, []) == []


def test_each_panel_has_a_line_and_the_names() -> None:
    marks = [("head", 0.0), ("all", 0.5)]
    for axes in curves_figure(epochs(), marks).axes:
        assert [line for line in axes.lines if np.array_equal(line.get_xdata(), [0.5, 0.5])]
        assert {text.get_text() for text in axes.texts} == {"head", "all"}
    many = [(f"block{number}", number / 40) for number in range(30)]
    assert not curves_figure(epochs(), many).axes[0].texts
    assert len(curves_figure(epochs(), many).axes[1].lines) == 1 + 29
    before, after = (len(weights_figure(epochs(), m).axes[0].lines) for m in ((), marks))
    assert after == before + 1


def test_a_row_is_hatched_in_the_epochs_of_the_phases_that_freeze_it() -> None:
    records = epochs(rows=3)
    records[2]["weights"][1]["state"] = "frozen"  # it has trained in the epoch before
    axes = weights_figure(records, [("all", 0.0), ("front", 1.0)]).axes[0]
    bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
    drawn = [(round(bar.get_y() + 0.45), bar.get_x(), bar.get_fill()) for bar in bars]
    assert drawn == [(0, 0.5, True), (0, 1.5, True), (1, 1.5, False)]
    assert axes.get_title() == "1 of 3 frozen (hatched): none of them moved"
