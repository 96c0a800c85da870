"""The proof of a run that is resumed, or that has several ranks."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.nets import TwoConvs
from tests.support.training import momentum, plan_of, rule
from trainer.backend.host_copy import to_numpy
from trainer.callbacks import freeze_proof
from trainer.callbacks.freeze_proof import FreezeProof
from trainer.checkpoint.checkpoint import Checkpoint
from trainer.core import atomic_files
from trainer.core.errors import ConfigError
from trainer.core.tensors import sha256
from trainer.distributed.world import World
from trainer.engine.callback import EpochResult
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import ParameterPlan, Plan
from trainer.metrics.evaluator import Score

VALUE = np.array([1.0, -2.0], np.float32)
PLAN = Plan(tuple(ParameterPlan(name, (2,), 8, "frozen", name) for name in "ab"))


def saved(**hashes: str) -> Checkpoint:
    """A checkpoint of two tensors, with the hashes of those that were frozen."""
    weights: dict[str, Any] = {"a": VALUE, "b": 2 * VALUE}
    return Checkpoint(Progress(1), weights, {}, hashes, {}, {}, 10, {})


SOUND = {"a": sha256(VALUE), "b": sha256(2 * VALUE)}


def record(path: Path, **hashes: str) -> Path:
    rows = [{"name": name, "sha256_before": value} for name, value in hashes.items()]
    path.write_text(json.dumps({"tensors": rows}))
    return path


def test_a_proof_that_agrees_with_the_checkpoint_is_taken_up(tmp_path: Path) -> None:
    assert freeze_proof.read(tmp_path / "none", saved(**SOUND)) == {}
    path = record(tmp_path / "proof.json", **SOUND)
    assert len(freeze_proof.read(path, saved(**SOUND))["tensors"]) == 2
    thawed = saved(a=SOUND["a"])
    assert freeze_proof.read(record(path, **SOUND | {"b": "of then"}), thawed)


@pytest.mark.parametrize("has_proof", [True, False])
def test_a_hash_that_is_not_that_of_the_checkpoints_own_weights_is_found_out(
    has_proof: bool, tmp_path: Path
) -> None:
    forged = SOUND | {"b": 64 * "0"}
    path = tmp_path / "proof.json"
    if has_proof:
        record(path, **SOUND)
    with pytest.raises(ConfigError, match="do not agree about b: one of them"):
        freeze_proof.read(path, saved(**forged))


@dataclass(frozen=True)
class TwoRanks(World):
    """The first of two ranks, the other of which has seen what it is given."""

    other: dict[str, str] = field(default_factory=dict)

    def gather(self, value: Any) -> list[Any]:
        return [value, self.other]


def epoch(number: int, moved: bool = False) -> EpochResult:
    weights: dict[str, Any] = {"a": VALUE + moved, "b": 2 * VALUE}
    return EpochResult(number, PLAN, weights, Score(0.0, None, 1))


def test_what_moves_on_a_later_rank_alone_has_moved(tmp_path: Path) -> None:
    world = TwoRanks(other={"b": "by 1: because"})
    proof, last = FreezeProof(tmp_path / "proof.json", world=world), epoch(1)
    proof.on_epoch_end(epoch(0))
    proof.on_epoch_end(last)
    assert last.moved == {"b": "on rank 1 by 1: because"}
    assert json.loads((tmp_path / "proof.json").read_text())["holds"] is False


def test_of_what_moves_on_both_the_first_rank_tells(tmp_path: Path) -> None:
    world, last = TwoRanks(other={"a": "by 9: because"}), epoch(1, moved=True)
    proof = FreezeProof(tmp_path / "proof.json", world=world)
    proof.on_epoch_end(epoch(0))
    proof.on_epoch_end(last)
    assert list(last.moved) == ["a"]
    assert last.moved["a"].startswith("by 1: ")


def resumed_run(
    folder: Path, before: Plan, now: Plan, chapters: list[dict[str, Any]] | None = None
) -> tuple[TwoConvs, Path]:
    """Resume after step 2 of epoch 2 of a run with the plan ``before``, under another one."""
    model, path = TwoConvs(), folder / "proof.json"
    weights = dict(to_numpy(model))
    frozen = {name: sha256(weights[name]) for name in before.names("frozen")}
    rows = [{"name": name, "sha256_before": value} for name, value in frozen.items()]
    path.write_text(json.dumps({"tensors": rows, "chapters": chapters or []}))
    weights["fc.bias"] = np.zeros(7, np.float32)  # of another model, which was allowed
    if "conv2.bias" not in frozen:
        weights["conv2.bias"] = np.zeros(1, np.float32)
    checkpoint = Checkpoint(Progress(1, 2), weights, {}, frozen, plain(before), {}, 10, {})
    proof, applied = FreezeProof(path, checkpoint), FrozenModel(model, now)
    proof.on_resume(1)
    proof.on_phase_start(applied, momentum(applied))
    return model, path


def plain(plan: Plan) -> Any:
    return atomic_files.plain(plan.as_json())


FIRST = plan_of(TwoConvs(), rule("conv1"))
SECOND = plan_of(TwoConvs(), rule("conv2", "fc.bias", method="requires_grad"))


@pytest.mark.parametrize("closed", [False, True])
def test_another_plan_closes_a_chapter(closed: bool, tmp_path: Path) -> None:
    plan = plan_of(TwoConvs(), rule("conv1", "conv2"))
    before, now = (plan, FIRST) if closed else (FIRST, plan)
    model, path = resumed_run(tmp_path, before, now)
    record = json.loads(path.read_text())
    assert (record["holds"], record["epochs"]) == (True, 1)
    assert [row["name"] for row in record["tensors"]] == [*now.names("frozen")]
    (chapter,) = record["chapters"]
    weights = to_numpy(model)
    assert chapter == {
        "epochs": 1,
        "steps": 2,
        "tensors": [{"name": n, "sha256": sha256(weights[n])} for n in before.names("frozen")],
        "plan": plain(before),
    }


def test_the_same_plan_closes_none(tmp_path: Path) -> None:
    _, path = resumed_run(tmp_path, FIRST, FIRST)
    assert "holds" not in json.loads(path.read_text()), "nothing is written before an epoch ends"


@pytest.mark.parametrize(
    ("epochs", "steps", "plan", "stays"),
    [
        (0, 9, FIRST, True),
        (1, 1, FIRST, True),
        (1, 2, SECOND, True),
        (1, 2, FIRST, False),  # closed by a resume from this checkpoint, after which nothing came
        (1, 3, SECOND, False),
        (2, 0, SECOND, False),
    ],
)
def test_chapters_from_before_the_checkpoint_stay(
    epochs: int, steps: int, plan: Plan, stays: bool, tmp_path: Path
) -> None:
    chapter = {"epochs": epochs, "steps": steps, "tensors": [], "plan": plain(plan)}
    _, path = resumed_run(tmp_path, FIRST, SECOND, [chapter])
    chapters = json.loads(path.read_text())["chapters"]
    assert (chapter in chapters) is stays
    assert chapters[-1]["plan"] == plain(FIRST)
    assert len(chapters) == 1 + stays


def test_a_tensor_of_another_shape_is_proven_from_the_resume_on(tmp_path: Path) -> None:
    model, path = resumed_run(tmp_path, FIRST, SECOND)
    rows = {row["name"]: row for row in json.loads(path.read_text())["tensors"]}
    for name in ("fc.bias", "conv2.bias"):
        assert rows[name]["sha256_before"] == sha256(to_numpy(model)[name])
    assert list(rows) == [*SECOND.names("frozen")]
