"""A run that an earlier trainer left, in files of format 1, is as good as one of today's.

``format_1/README.md`` says how it was made.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command
from tests.support.runs import contents, records
from trainer.artifacts import costs, status
from trainer.checkpoint.snapshot_store import SnapshotStore
from trainer.core import tensors

STORED = Path(__file__).parent / "format_1/run"


@pytest.fixture
def old(command: Command) -> Path:
    """A copy of the run, in the folder of the commands."""
    return Path(shutil.copytree(STORED, command.folder / "old"))


def test_no_file_of_it_but_the_checkpoints_states_a_format() -> None:
    stated = [p.name for p in STORED.rglob("*.json") if "format" in json.loads(p.read_text())]
    assert stated == ["checkpoint.json", "checkpoint.json"]


@pytest.mark.usefixtures("old")
def test_it_is_verified(command: Command) -> None:
    ended = command.verify("old")
    assert ended.code == 0, ended.err


@pytest.mark.usefixtures("old")
def test_it_is_compared(command: Command) -> None:
    for words in (["old@0", "old@last"], ["old@1", "old"], ["old@best", "old"]):
        ended = command.diff("--json", *words)
        assert ended.code == 0, ended.err
        rows = [(row["name"], row["state"], row["equal"]) for row in json.loads(ended.out)]
        assert ("conv1.weight", "frozen", True) in rows


def test_its_status_and_costs_are_read(old: Path) -> None:
    found, took = status.read(old), costs.read(old / "costs.json")
    assert found is not None and found.state == "done"
    assert took is not None and took.steps == 20


def test_it_is_left_as_it_is_if_it_is_asked_for_again(command: Command, old: Path) -> None:
    before = contents(old)
    ended = command.resume("old")
    assert ended.code == 0, ended.err
    assert contents(old) == before


def _but_statistics(record: dict[str, Any]) -> dict[str, Any]:
    """Leave out norms and means, whose last bits depend on how NumPy sums on this machine."""
    newer = "lr", "monitor"  # a run of today has them from its first epoch on
    return {key: value for key, value in record.items() if key not in ("weights", *newer)}


@pytest.mark.slow
def test_it_is_resumed_as_if_all_epochs_had_been_meant_from_the_start(
    command: Command, old: Path
) -> None:
    assert command.train("experiment=seed_mindspore", "epochs=4", "hydra.run.dir=new").code == 0
    ended = command.resume("old", "epochs=4")
    assert ended.code == 0, ended.err
    assert command.verify("old").code == 0
    new = command.folder / "new"
    one, other = (SnapshotStore(run / "snapshots") for run in (new, old))
    for epoch in range(5):
        for name, array in one.read(epoch).items():
            assert tensors.close(other.read(epoch)[name], array), (epoch, name)
    if one.read(2)["conv2.weight"].tobytes() == other.read(2)["conv2.weight"].tobytes():
        # This processor rounds as the one on which the stored run was made.
        left, right = (tensors.read(run / "model.safetensors") for run in (new, old))
        assert {n: a.tobytes() for n, a in left.items()} == {
            n: a.tobytes() for n, a in right.items()
        }
        assert [_but_statistics(line) for line in records(old)] == [
            _but_statistics(line) for line in records(new)
        ]
        assert (old / "proof.json").read_bytes() == (new / "proof.json").read_bytes()


@pytest.mark.usefixtures("old")
def test_it_is_evaluated_and_exported(command: Command) -> None:
    ended = command.evaluate("old")
    assert ended.code == 0, ended.err
    ended = command.export("old@1", "format=mindir", "out=net.mindir")
    assert ended.code == 0, ended.err
    assert (command.folder / "net.mindir").exists()


@pytest.mark.usefixtures("old")
def test_it_gives_first_weights_to_another_run(command: Command) -> None:
    words = ["experiment=seed_mindspore", "epochs=1", "init_from=old@best"]
    ended = command.train(*words)
    assert ended.code == 0, ended.err
