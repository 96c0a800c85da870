"""A run that went on under another plan: what was frozen when, to diff and verify."""

import json
import math
from pathlib import Path

import pytest

from tests.support.command import Command
from trainer.artifacts import manifest, plan_history
from trainer.artifacts.run_record import Chapter, FrozenTensor, ProofRecord, TensorHash
from trainer.core import atomic_files
from trainer.freezing.plan import ParameterPlan, Plan


def plan_of(*frozen: str) -> Plan:
    states = {name: "frozen" if name in frozen else "trainable" for name in "ab"}
    return Plan(tuple(ParameterPlan(n, (1,), 4, state) for n, state in states.items()))


def proof(steps: int) -> ProofRecord:
    """Frozen was `a` up to epoch 4 and so many steps, then `b`."""
    former = Chapter(4, steps, [TensorHash("a", "A")], plan_of("a"))
    return ProofRecord(True, 6, [FrozenTensor("b", "B", "B", True)], [former])


def test_a_plan_that_ends_with_an_epoch_shares_it_with_the_next() -> None:
    first, last = plan_history.spans(plan_of("b"), proof(0))
    assert [first.covers(epoch) for epoch in (0, 4, 5)] == [True, True, False]
    assert [last.covers(epoch) for epoch in (3, 4, 6)] == [False, True, True]
    assert (first.hashes, last.hashes) == ({"a": "A"}, {"b": "B"})


def test_a_plan_that_ends_within_an_epoch_shares_none() -> None:
    first, last = plan_history.spans(plan_of("b"), proof(7))
    assert [first.covers(epoch) for epoch in (4, 5)] == [True, False]
    assert [last.covers(epoch) for epoch in (4, 5)] == [False, True]


@pytest.mark.parametrize(
    ("one", "other", "frozen"),
    [
        (0, 4, {"a"}),
        (4, 0, {"a"}),
        (4, 6, {"b"}),
        (4, math.inf, {"b"}),
        (3, 5, set()),
        (2, 2, {"a"}),
        (math.inf, math.inf, {"b"}),
    ],
)
def test_frozen_is_what_was_so_all_the_way(one: float, other: float, frozen: set[str]) -> None:
    states = plan_history.parameter_states(plan_history.spans(plan_of("b"), proof(0)), one, other)
    assert {name for name, state in states.items() if state == "frozen"} == frozen


def test_without_a_proof_there_is_one_span() -> None:
    (only,) = plan_history.spans(plan_of("b"), None)
    assert only.covers(0) and only.covers(99)


@pytest.mark.slow
def test_a_run_that_went_on_under_another_plan_holds_and_its_chapters_are_checked(
    command: Command,
) -> None:
    assert command.train("experiment=seed_mindspore", "epochs=2").code == 0
    line = ["resume=run", "freeze=conv2", "method=requires_grad", "resume.allow=[policy]"]
    assert command.train(*line, "epochs=4").code == 0
    ended = command.verify("run")
    assert ended.code == 0, ended.err
    assert "the epochs that all retains of 4" in ended.out
    for words in (["run@0", "run@2"], ["run@2", "run"], ["run@0", "run"]):
        ended = command.diff(*words)
        assert ended.code == 0, ended.err
    forge_chapter(command.folder / "run")
    ended = command.verify("run")
    assert ended.code == 3
    assert "conv1.weight: in the snapshot of epoch 2" in ended.err
    assert "of epoch 3" not in ended.err
    shorten_chapter(command.folder / "run")
    ended = command.verify("run")
    assert ended.code == 5
    assert "expected the same frozen tensors, only one of them has conv1.weight" in ended.err


def shorten_chapter(run: Path) -> None:
    proof = json.loads((run / "proof.json").read_text())
    assert proof["chapters"][0]["tensors"].pop()["name"] == "conv1.weight"
    atomic_files.write_json(run / "proof.json", proof)
    manifest.write(run, done=True, resumed=True)


def forge_chapter(run: Path) -> None:
    proof = json.loads((run / "proof.json").read_text())
    proof["chapters"][0]["tensors"][0]["sha256"] = 64 * "0"
    atomic_files.write_json(run / "proof.json", proof)
    manifest.write(run, done=True, resumed=True)


@pytest.mark.slow
def test_a_run_that_went_on_with_another_keep_holds(command: Command) -> None:
    assert command.train("experiment=seed_mindspore", "epochs=2", "snapshot.keep=last").code == 0
    assert command.train("resume=run", "epochs=3", "snapshot.keep=all").code == 0
    ended = command.verify("run")
    assert ended.code == 0, ended.err
    assert (
        "not checked        whether another snapshot.keep has left out epoch 0, epoch 1"
        in ended.out
    )
    assert (
        "changes since epoch 0 will not be known" in (command.folder / "run/train.log").read_text()
    )
