"""``python -m trainer.plan`` of a run with phases: a column per phase, and a list to edit."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.command import Command
from tests.support.nets import TwoConvs
from trainer.backend.graph import module_tree
from trainer.cli.phase_yaml import phase_yaml
from trainer.cli.phased_plan import until_text
from trainer.cli.plan_figure import plan_figure
from trainer.cli.plan_phases import COLUMNS, PhaseRow, rows_text, tree_text
from trainer.config.phase_file import read
from trainer.config.phases import PhaseSetting, Until
from trainer.config.rules import TRAIN, Rule
from trainer.core import plotting
from trainer.freezing.plan import Plan, resolve

TREE = module_tree.describe(TwoConvs())


def plan(*frozen: str, factor: float = 1.0) -> Plan:
    rules = [Rule(frozen, "requires_grad", False)] if frozen else []
    return resolve([*rules, Rule((), TRAIN, False, None, lr_factor=factor, label="t")], TREE)


def row(name: str, plan: Plan) -> PhaseRow:
    return PhaseRow(name, "1 epoch", "last", "0.1", plan, "50% less")


def cells(text: str) -> dict[str, list[str]]:
    """Return the columns of each line, by its name."""
    lines = [line.replace("├─", "").replace("└─", "").split() for line in text.splitlines()]
    return {line[0]: line[1:] for line in lines}


def test_a_column_per_phase_says_what_changes() -> None:
    rows = [row("a", plan("conv1", "fc")), row("b", plan("fc")), row("c", plan("conv1"))]
    found = cells(tree_text(rows, TREE, "Net"))
    assert found["model"] == ["kind", "values", "a", "b", "c"]
    assert found["Net"][1:] == ["mixed", "mixed", "mixed"]
    assert found["conv1"][2:] == ["frozen", "thaws", "freezes"]
    assert found["conv2"][2:] == ["trains", "trains", "trains"]
    assert found["fc"][2:] == ["frozen", "frozen", "thaws"]


def test_cells_that_change_alike_are_one_line() -> None:
    rows = [row("a", plan("conv1", "conv2")), row("b", plan(factor=0.5))]
    found = cells(tree_text(rows, TREE, "Net"))
    assert found["conv1-2"] == ["2", "x", "Conv2d", "58", "frozen", "thaws", "x", "0.5"]


def test_many_phases_are_shortened() -> None:
    rows = [row(f"p{at}", plan("fc") if at % 2 else plan("conv1")) for at in range(40)]
    assert cells(tree_text(rows, TREE, "Net"))["model"][2:] == [f"p{at}" for at in range(COLUMNS)]
    lines = rows_text(rows).splitlines()
    assert len(lines) == 31
    assert lines[-1] == "  and 11 more"


def test_a_row_per_phase_has_its_totals() -> None:
    _, first, second = rows_text([row("a", plan("fc")), row("b", plan("fc"))]).splitlines()
    assert first.split() == ["a", "1", "epoch", "0.1", "58", "27", "50%", "less"]
    assert second.endswith("nothing")
    (last,) = rows_text([row("a", plan("fc")), row("b", plan())]).splitlines()[2:]
    assert last.endswith("thaws fc.weight, fc.bias")


@pytest.mark.parametrize(
    ("until", "text"),
    [
        (None, "the end of the run"),
        ({"epochs": 1}, "1 epoch"),
        ({"share": 0.125}, "12.5% of the run"),
        ({"steps": 1000}, "1,000 steps"),
        ({"monitor": "f1", "patience": 2, "max_epochs": 3}, "f1 (2), at most 3 epochs"),
    ],
)
def test_the_end_of_a_phase_in_words(until: dict[str, Any] | None, text: str) -> None:
    assert until_text(None if until is None else Until.model_validate(until)) == text


def test_the_picture_has_a_panel_per_phase(tmp_path: Path) -> None:
    plans = [plan("conv1", "conv2"), plan("conv1"), plan()]
    figure = plan_figure(plans, TREE, "Net", ["a", "b", "c"])
    plotting.save(figure, tmp_path / "plan.png")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "a: 58 of 85 values frozen"
    assert [title[0] for title in titles] == ["a", "b", "c"]
    shown = [bool(axes.yaxis.get_tick_params()["labelleft"]) for axes in figure.axes]
    assert shown == [True, False, False]
    many = plan_figure([plan()] * 9, TREE, "Net", [str(at) for at in range(9)])
    assert len(many.axes) == 6
    assert "6 of 9 phases" in str(many.get_suptitle())


def written(path: Path, *phases: dict[str, Any]) -> list[Any]:
    settings = [PhaseSetting.model_validate(phase) for phase in phases]
    path.write_text(phase_yaml(settings, ["note"] * len(settings)))
    again = [PhaseSetting.model_validate(phase) for phase in read(path)]
    assert again == settings
    return read(path)


def test_the_list_is_written_as_it_is_read(tmp_path: Path) -> None:
    rule: dict[str, Any] = {
        "select": ["re:a.*[0]", "yes", "b: c"],
        "except": ["x#y"],
        "method": "train",
    }
    end = {"monitor": "accuracy", "patience": 2, "max_epochs": 2.5}
    everything: dict[str, Any] = {
        "name": "a-1",
        "freeze": [],
        "method": "requires_grad",
        "norm": "train",
    }
    everything |= {"until": end, "start_from": "best", "lr_factor": 1e-5, "warmup_epochs": 0.5}
    phases = written(
        tmp_path / "my.yaml",
        {**everything, "optimizer_state": "reset", "rules": [rule, {}]},
        {"name": "no", "policy": "linear_probe", "until": {"share": 1 / 3}},
        {"name": "c", "policy": {"name": "surgical", "block": "layer2[0]"}, "until": {"steps": 2}},
        {"name": "d", "policy": "none"},
        {"name": "1e3", "rules": []},
    )
    assert phases[0]["rules"][0] == rule
    assert phases[2]["policy"]["rules"][0]["select"] == ["layer2[0]"]


GENERATORS = {
    "lp_ft": [],
    "gradual_unfreezing": ["freeze=conv1"],
    "progressive_freezing": ["phases.scale=cubic"],
    "random_blocks": ["phases.every=7", "phases.unit=steps"],
}


@pytest.mark.parametrize("name", GENERATORS)
def test_a_written_list_gives_the_same_plans(command: Command, name: str) -> None:
    others = [line for line in GENERATORS[name] if not line.startswith("phases")]
    words = f"phases={name}", *GENERATORS[name], "write=my.yaml", "out=one"
    assert command.plan(*words).code == 0
    ended = command.plan("phases.file=my.yaml", *others, "out=two")
    assert ended.code == 0, ended.err
    files = [command.folder / place / "plan.json" for place in ("one", "two")]
    first, second = (json.loads(file.read_text()) for file in files)
    assert len(first["phases"]) > 1
    assert first == second
    assert first["parameters"] == first["phases"][0]["plan"]["parameters"]
    pictures = [(command.folder / place / "plan.png").read_bytes() for place in ("one", "two")]
    assert pictures[0] == pictures[1]


def test_the_screen(command: Command) -> None:
    lines = "[{name: a, policy: linear_probe, until: {epochs: 2}}, {name: b, policy: linear_probe}]"
    ended = command.plan(f"phases.list={lines}")
    assert ended.code == 0, ended.err
    assert "warning    phase b changes nothing against a" in ended.out
    assert "written    plan/plan.json, plan/plan.png\n" in ended.out
    assert "99.9% less" in ended.out


def test_a_step_of_each_phase_is_timed(command: Command) -> None:
    ended = command.plan("phases=lp_ft", "measure=true", "modes=true")
    assert ended.code == 0, ended.err
    lines = {line.split()[0]: line for line in ended.out.splitlines() if line}
    assert re.fullmatch(
        r"step +linear_probe [\d.]+ ms, fine_tuning [\d.]+ ms, everything [\d.]+ ms", lines["step"]
    )
    assert "graph" in lines["modes"]


def test_errors_of_write(command: Command) -> None:
    (command.folder / "old.yaml").write_text("")
    exists = command.plan("phases=lp_ft", "write=old.yaml")
    assert (exists.code, (command.folder / "old.yaml").read_text()) == (2, "")
    assert "write: expected a new file to write, received 'old.yaml' (it exists)" in exists.err
    without = command.plan("freeze=conv1", "write=new.yaml")
    assert without.code == 2
    assert "write: expected phases to write a list of, received phases=none" in without.err
    decided = command.plan("phases=auto_freezing", "write=new.yaml")
    assert decided.code == 2
    assert "write: expected phases whose ends are known before the training" in decided.err
    assert command.left() == ["old.yaml"]


def test_cuts_are_drawn_in_each_panel() -> None:
    cut = resolve([Rule(("conv1",), "stop_gradient", True)], TREE)
    figure = plan_figure([cut, plan()], TREE, "Net", ["a", "b"])
    first, second = (axes.lines for axes in figure.axes)
    assert [np.array_equal(line.get_xdata(), [0, 1]) for line in first] == [True]
    assert list(second) == []
