"""The proof of a run of several phases: complete before the first checkpoint of each."""

import json
from dataclasses import asdict
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
from trainer.core.tensors import sha256
from trainer.engine.callback import EpochResult, PhaseResult
from trainer.engine.phase_place import PhaseStart
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel
from trainer.metrics.evaluator import Score

FIRST = PhaseStart(0, "first")
SECOND = PhaseStart(1, "second", epochs=1, steps=2, updates=5)


def test_it_is_complete_where_a_phase_begins_within_an_epoch(tmp_path: Path) -> None:
    net, path = TwoConvs(), tmp_path / "proof.json"
    one, other = plan_of(net, rule("conv1")), plan_of(net, rule("conv1", "conv2"))
    proof = FreezeProof(path, start=lambda: SECOND)
    first = FrozenModel(net, one)
    proof.on_phase_start(first, momentum(first))
    weights = to_numpy(net)
    proof.on_epoch_end(EpochResult(0, one, weights, Score(0.0, None, 1), phase=FIRST))
    proof.on_phase_end(PhaseResult(FIRST, one, Progress(1, 2), "5 steps", to_numpy(net)))
    first.undo()
    second = FrozenModel(net, other)
    proof.on_phase_start(second, momentum(second))
    record = json.loads(path.read_text())
    assert record["phase"] == asdict(SECOND)
    assert (record["holds"], record["epochs"]) == (True, 1)
    assert [chapter["phase"] for chapter in record["chapters"]] == ["first"]
    hashes = {row["name"]: row["sha256_before"] for row in record["tensors"]}
    assert hashes == {name: sha256(weights[name]) for name in other.names("frozen")}
    assert {*proof.hashes} >= {*other.names("frozen")}, "what a checkpoint within the epoch needs"


VALUE, OTHER = np.ones(2, np.float32), np.zeros(2, np.float32)


def record(path: Path, *chapters: dict[str, Any]) -> Path:
    """The proof of the second phase, which began with the best weights of before."""
    tensors = [{"name": "a", "sha256_before": sha256(OTHER)}]
    content = {"tensors": tensors, "chapters": chapters, "phase": asdict(SECOND)}
    path.write_text(json.dumps(content))
    return path


def chapter(start: PhaseStart, end: tuple[int, int], value: str) -> dict[str, Any]:
    place = {"phase": start.name, "begin": {"epochs": start.epochs, "steps": start.steps}}
    rows = {"tensors": [{"name": "a", "sha256": value}], "plan": {"of": "all"}}
    return {**place, "epochs": end[0], "steps": end[1], **rows}


def saved(start: PhaseStart, *moment: int) -> Checkpoint:
    value = OTHER if start is SECOND else VALUE
    frozen, phases = {"a": sha256(value)}, {"begun": [asdict(FIRST), asdict(start)]}
    plan = {"of": "all"}
    return Checkpoint(Progress(*moment), {"a": value}, {}, frozen, plan, {}, 9, {}, phases=phases)


def test_a_checkpoint_of_the_phase_before_agrees_with_its_chapter(tmp_path: Path) -> None:
    path = record(tmp_path / "proof.json", chapter(FIRST, (1, 2), sha256(VALUE)))
    freeze_proof.read(path, saved(FIRST, 1, 2))
    freeze_proof.read(path, saved(SECOND, 1, 3))
    path = record(tmp_path / "proof.json", chapter(FIRST, (1, 2), sha256(OTHER)))
    with pytest.raises(Exception, match="do not agree about a: one of them"):
        freeze_proof.read(path, saved(FIRST, 1, 2))


@pytest.mark.parametrize(("start", "kept"), [(FIRST, []), (SECOND, ["first"])])
def test_the_chapter_of_the_present_phase_is_closed_again(
    start: PhaseStart, kept: list[str], tmp_path: Path
) -> None:
    """Both checkpoints are of the moment of the transition, under the same plan."""
    path = record(tmp_path / "proof.json", chapter(FIRST, (1, 2), sha256(VALUE)))
    proof = FreezeProof(path, saved(start, 1, 2))
    proof.on_resume(1)
    assert [row["phase"] for row in proof._chapters] == kept
