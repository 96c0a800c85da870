"""``python -m trainer.plan``: what it says is what the run does, and it leaves two files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT, Command
from trainer.data import batches

POLICIES = [
    ["freeze=null"],
    ["freeze=conv2"],
    ["freeze=[conv1,fc1.weight]", "method=requires_grad"],
    ["policy=linear_probe"],
    ["policy=layer_decay", "freeze=conv1", "optimizer=adam"],
    ["policy=bias_only"],
]


@pytest.mark.slow
@pytest.mark.parametrize("overrides", POLICIES, ids=" ".join)
def test_the_plan_is_the_one_of_the_run_that_follows(
    command: Command, overrides: list[str]
) -> None:
    ended = command.plan(*overrides)
    assert ended.code == 0, ended.err
    few = ("limit_train_batches=1", "limit_validation_batches=1")
    assert command.train(*overrides, "epochs=1", "snapshot.keep=off", *few).code == 0
    written = [(command.folder / place / "plan.json").read_bytes() for place in ("plan", "run")]
    assert written[0] == written[1]
    proof = json.loads((command.folder / "run/proof.json").read_text())
    planned = {p["name"] for p in json.loads(written[0])["parameters"] if p["state"] == "frozen"}
    assert {tensor["name"] for tensor in proof["tensors"]} == planned


def test_two_files_are_left_always_the_same(command: Command) -> None:
    for out in ("one", "deep/two"):
        assert command.plan("freeze=conv2", f"out={out}").code == 0
    assert command.left() == ["deep", "one"]
    first, second = command.folder / "one", command.folder / "deep/two"
    assert sorted(path.name for path in first.iterdir()) == ["plan.json", "plan.png"]
    assert (first / "plan.json").read_bytes() == (second / "plan.json").read_bytes()
    assert (first / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_a_parameter_is_one_line_of_the_file(command: Command) -> None:
    command.plan("freeze=conv1", "out=before")
    command.plan("freeze=[conv1,fc1]", "method=requires_grad", "out=after")
    before, after = (
        (command.folder / place / "plan.json").read_text().splitlines()
        for place in ("before", "after")
    )
    line = next(line for line in before if '"fc1.bias"' in line)
    assert json.loads(line.strip(" ,"))["state"] == "trainable"
    assert [line.split('"')[3] for line in after if line not in before and '"name"' in line] == [
        "conv1.weight",
        "conv1.bias",
        "fc1.weight",
        "fc1.bias",
    ]


def test_says_what_what_by_and_what_it_saves(command: Command) -> None:
    ended = command.plan("freeze=conv2")
    assert ended.code == 0, ended.err
    assert "conv2 (stop_gradient); cut behind it" in ended.out
    assert "fc1-3" in ended.out
    assert "parameters 58,709 trainable, 2,572 frozen" in ended.out
    assert "90% less work, estimated: 138,000 of 1,429,200 multiply-adds" in ended.out
    assert "for an input of (2, 1, 32, 32))" in ended.out
    assert "modes      eager runs; graph and pynative were not tried: modes=true" in ended.out
    assert "warning    frozen although no rule names them" in ended.out.splitlines()[-1]
    assert ": 2 parameters, conv1.weight, conv1.bias" in ended.out.splitlines()[-1]
    assert command.plan("freeze=conv1").out.splitlines()[-1] == "warning    none"


def test_depth_limits_the_tree(command: Command) -> None:
    lines = command.plan("policy=bias_only", "depth=1").out
    assert "weight" not in lines.split("parameters")[0]
    assert "└─ fc3" in lines


def test_data_are_not_read_where_the_first_layer_tells_enough(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "batches", lambda *_: pytest.fail("the data were read"))
    assert command.plan("freeze=conv2").code == 0


@pytest.mark.slow
def test_measured_steps_are_told_and_leave_no_trace(command: Command) -> None:
    ended = command.plan("policy=linear_probe", "measure=true", "modes=true", "batch_size=8")
    assert ended.code == 0, ended.err
    step = next(line for line in ended.out.splitlines() if line.startswith("step"))
    assert "if everything were trained" in step
    assert "modes      graph, pynative and eager run" in ended.out
    assert command.left() == ["plan"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["depth=0"], "depth: expected a whole number of at least 1, received '0'"),
        (["measure=yes"], "measure: expected true or false, received 'yes'"),
        (["modes=1"], "modes: expected true or false, received '1'"),
        (["out=file/plan"], "is a file"),
        (["freeze=conv9"], "received 'conv9'"),
        (["dept=2"], "dept: unknown key"),
        (["freeze=[conv1,conv2,fc1,fc2,fc3]"], "all are frozen"),
    ],
)
def test_mistakes_are_told_together_and_nothing_is_written(
    command: Command, words: list[str], said: str
) -> None:
    (command.folder / "file").write_text("")
    ended = command.plan(*words, "epochs=0")
    assert ended.code == 2
    assert said in ended.err
    assert "2 configuration errors" in ended.err
    assert command.left() == ["file"]


def test_as_a_module_of_its_own(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "trainer.plan", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert "usage: python -m trainer.plan" in ended.stdout
