"""``python -m trainer.diff``: how far each parameter went, and whether the frozen ones did."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.command import Command
from trainer.artifacts import data_manifest
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.checkpoint.weights_ref import WeightsRef
from trainer.cli.diff import Row, compare, data_lines, report
from trainer.core import tensors
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights


@pytest.mark.slow
def test_of_a_run_what_is_frozen_is_equal_and_the_rest_sorted_by_change(command: Command) -> None:
    assert command.train("freeze=conv1", "epochs=2").code == 0
    ended = command.diff("run@0", "run@last", "--json")
    assert ended.code == 0, ended.err
    rows = json.loads(ended.out)
    assert {row["name"] for row in rows if row["equal"]} == {"conv1.weight", "conv1.bias"}
    assert {row["state"] for row in rows if row["equal"]} == {"frozen"}
    changes = [row["largest"] for row in rows]
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > 0
    first, last = (SnapshotStore(command.folder / "run/snapshots").read(epoch) for epoch in (0, 2))
    for row in rows:
        a, b = (weights[row["name"]].astype(np.float64) for weights in (first, last))
        assert row["norm_a"] == pytest.approx(np.sqrt((a**2).sum()))
        assert row["norm_b"] == pytest.approx(np.sqrt((b**2).sum()))
        assert row["largest"] == np.abs(a - b).max()
        assert row["mean"] == np.abs(a - b).mean()
    assert command.diff("run@last", "run").out.endswith("10 of 10 equal\n")


def test_what_is_declared_frozen_and_differs_ends_with_1(command: Command) -> None:
    assert command.train("experiment=seed_mindspore", "epochs=1").code == 0
    other = shutil.copytree(command.folder / "run", command.folder / "other")
    assert command.diff("run@0", "other").code == 0
    weights = tensors.read(other / "model.safetensors")
    weights["conv1.weight"].view(np.uint8).flat[0] ^= 1
    tensors.write(other / "model.safetensors", weights)
    ended = command.diff("run@0", "other")
    assert ended.code == 1
    assert "expected equal what run declares frozen, but 1 differ: conv1.weight" in ended.err
    assert "Traceback" not in ended.err
    shutil.copyfile(other / "model.safetensors", command.folder / "alone.safetensors")
    ended = command.diff("run@0", "alone.safetensors")  # of no run, so under no plan
    assert (ended.code, ended.err, "frozen" in ended.out) == (0, "", False)
    plan = (other / "plan.json").read_text().replace('"frozen"', '"trainable"')
    (other / "plan.json").write_text(plan)  # of a run under another plan
    ended = command.diff("run@0", "other")
    assert (ended.code, ended.err, "frozen" in ended.out) == (0, "", False)
    (other / "plan.json").write_text(plan[:-9])
    ended = command.diff("run@0", "other")
    assert (ended.code, "plan.json: expected as a run writes it" in ended.err) == (2, True)


def test_the_largest_change_comes_first_and_what_is_not_finite_before_it() -> None:
    a: Weights = {
        name: np.zeros(2, np.float32) for name in ("still", "little", "much", "lost", "minus")
    }
    values = {"little": [1, 0], "much": [2, 0], "minus": [-0.0, 0], "lost": [0, float("nan")]}
    b: Weights = a | {name: np.array(value, np.float32) for name, value in values.items()}
    rows = compare(a, b, {"still": "frozen"})
    assert [row.name for row in rows] == ["lost", "much", "little", "minus", "still"]
    assert [row.equal for row in rows] == [False, False, False, False, True]
    assert [row.state for row in rows] == ["", "", "", "", "frozen"]


def row(number: int, state: str = "trainable", equal: bool = False) -> Row:
    return Row(f"p{number}", state, 1.0, 1.0, 0.0 if equal else 1.0 / (number + 1), 0.0, equal)


def test_frozen_tensors_that_are_equal_are_counted_in_one_line() -> None:
    rows = [
        row(0),
        row(1, "frozen"),
        row(2, equal=True),
        row(3, "frozen", True),
        row(4, "frozen", True),
    ]
    lines = report(rows).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["p0", "p1", "p2"]
    assert lines[4:] == ["frozen and equal: 2 tensors", "3 of 5 equal"]
    lines = report(rows, show_all=True).splitlines()
    assert [line.split()[0] for line in lines[1:6]] == ["p0", "p1", "p2", "p3", "p4"]
    assert lines[6:] == ["3 of 5 equal"]


@pytest.mark.parametrize(("trainable", "frozen"), [(22, 0), (23, 0), (21, 3), (22, 3), (400, 1)])
def test_at_most_24_lines_unless_all_are_asked_for(trainable: int, frozen: int) -> None:
    rows = [row(n) for n in range(trainable)] + [row(n, "frozen", True) for n in range(frozen)]
    lines = report(rows).splitlines()
    shown = sum(line.startswith("p") for line in lines[1:])
    assert len(lines) == min(24, 2 + trainable + (frozen > 0))
    more = [line for line in lines if "more: all=true lists them" in line]
    assert more == (
        [f"and {trainable - shown} more: all=true lists them"] if shown < trainable else []
    )
    assert len(report(rows, show_all=True).splitlines()) == 2 + trainable + frozen


def test_other_nets_are_a_mistake_that_names_what_only_one_has() -> None:
    a: Weights = {"a": np.zeros(2), "b": np.zeros(2), "c": np.zeros(2)}
    b: Weights = {"c": np.zeros(3), "d": np.zeros(2)}
    with pytest.raises(ConfigError) as caught:
        compare(a, b, {})
    assert [text.partition("; ")[2] for text in caught.value.problems] == [
        "only in A: a, b",
        "only in B: d",
        "other shapes in A and B: c (2,) and (3,)",
    ]


def test_mistakes_are_told_together(command: Command, tmp_path: Path) -> None:
    ended = command.diff("gone@0", "gone.safetensors", "--jsn", "all=yes")
    assert ended.code == 2
    assert "4 configuration errors" in ended.err
    assert "all: expected true or false, received 'yes'" in ended.err
    assert "received --jsn (nearest: --json)" in ended.err
    assert "received 'gone', which does not exist" in ended.err
    assert command.diff("one").code == 2
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    assert "bad.safetensors: expected a whole" in command.diff(*2 * ["bad.safetensors"]).err


def test_a_run_that_is_named_twice_is_missed_once(command: Command) -> None:
    ended = command.diff("gone@0", "gone@last")
    assert "1 configuration error:" in ended.err
    assert ended.err.count("gone") == 1


def test_help(command: Command) -> None:
    ended = command.diff("--help")
    assert (ended.code, ended.out.startswith("usage: python -m trainer.diff A B")) == (0, True)


def test_the_data_of_two_runs_are_compared_by_their_files(tmp_path: Path) -> None:
    runs = [tmp_path / name for name in ("one", "two", "without")]
    for run in runs[:2]:
        (run / "a").parent.mkdir()
        (run / "a").write_text(run.name)
        part = SimpleNamespace(root=run, files=["a"])
        manifest = data_manifest.make({"train": part}, lambda: False)
        assert manifest is not None
        data_manifest.write(run, manifest)
    one, two, without = (WeightsRef(run.name, run) for run in runs)
    assert data_lines(one, two) == ["data: 1 file changed (a)"]
    for other in (one, without, WeightsRef("file")):
        assert data_lines(one, other) == []
