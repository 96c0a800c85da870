"""Runs that cannot go on where they were, for files were damaged or changed, and say so."""

import json
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.runs import bits, contents, placed

pytestmark = pytest.mark.slow


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(command: Command) -> None:
    assert placed(command, "run", "freeze=conv1", "epochs=2")[0] == 0
    run = command.folder / "run"
    before = bits(run)
    path = sorted(run.glob("checkpoints/epoch_*/weights.safetensors"))[-1]
    path.write_bytes(path.read_bytes()[:-1])
    ended = command.resume("run")
    assert ended.code == 0, ended.err
    assert f"checkpoint refused: {path.relative_to(command.folder)}" in ended.out
    assert "resume     after epoch 1 and 0 more steps" in ended.out
    assert bits(run) == before


def test_without_a_sound_checkpoint_nothing_is_written_over(command: Command, done: Path) -> None:
    before = bits(done)
    for path in done.glob("checkpoints/*/checkpoint.json"):
        path.write_text("{}")
    for ended in (command.resume("run"), command.train("freeze=conv1", "epochs=1")):
        assert ended.code == 2
        assert "expected a sound checkpoint in" in ended.err
    assert bits(done) == before


def test_a_proof_that_was_edited_is_found_out(command: Command, done: Path) -> None:
    path = done / "proof.json"
    proof = json.loads(path.read_text())
    proof["tensors"][0]["sha256_before"] = "0" * 64
    path.write_text(json.dumps(proof))
    before = contents(done)
    ended = command.resume("run", "epochs=2")
    assert ended.code == 2
    assert "do not agree about conv1.weight" in ended.err
    assert contents(done) == before


@pytest.mark.parametrize("name", ["proof.json", "metrics.jsonl", ".hydra/overrides.yaml"])
def test_a_record_that_is_cut_short_is_a_mistake_and_nothing_is_written(
    command: Command, done: Path, name: str
) -> None:
    path = done / name
    path.write_bytes(b"[" + path.read_bytes()[:-20])
    before = contents(done)
    ended = command.resume("run", "epochs=2")
    assert ended.code == 2
    assert name in ended.err
    assert contents(done) == before
