"""Files of a run that a newer trainer has written: each states its format, and is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import tampering
from tests.support.command import Command, Ended
from tests.support.runs import contents
from trainer.artifacts import costs, manifest, status
from trainer.core.errors import ConfigError
from trainer.core.format_version import FORMAT

NEWER = {"format": FORMAT + 1, "trainer": "7.8.9"}
SAID = f"received format {FORMAT + 1}: freeze-trainer 7.8.9 reads it"
CHECKPOINT = "checkpoints/epoch_00001_step_00000000/checkpoint.json"


def make_newer(path: Path) -> None:
    tampering.change_json(path, lambda data: data.update(NEWER))


def make_metrics_newer(run: Path) -> None:
    tampering.metrics(run, lambda lines: lines[0].update(NEWER))


def make_checkpoint_newer(run: Path) -> None:
    make_newer(run / CHECKPOINT)
    (run / "checkpoints/index.json").unlink()  # it holds the hash of the record


def test_each_file_of_a_run_states_its_format(finished: Path) -> None:
    first = (finished / "metrics.jsonl").read_text().splitlines()[0]
    stated = {
        path.name: json.loads(path.read_text())["format"] for path in finished.rglob("*.json")
    }
    assert json.loads(first)["format"] == FORMAT
    assert stated == dict.fromkeys(stated, FORMAT)
    assert {"plan.json", "proof.json", "init.json", "costs.json", "manifest.json"} <= set(stated)
    assert {"status.json", "index.json", "checkpoint.json", "epoch_001.json"} <= set(stated)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: make_newer(run / "plan.json"),
        lambda run: make_newer(run / "proof.json"),
        lambda run: make_newer(run / "manifest.json"),
        lambda run: make_newer(run / "checkpoints/index.json"),
        make_checkpoint_newer,
        lambda run: make_newer(run / CHECKPOINT),
        make_metrics_newer,
    ],
    ids=["plan", "proof", "manifest", "index", "checkpoint", "hashed checkpoint", "metrics"],
)
def test_a_newer_run_is_not_resumed_and_nothing_is_written(
    change: Callable[[Path], Any], command: Command, done: Path
) -> None:
    change(done)
    before = contents(done)
    refused(command.resume("run", "epochs=2"))
    assert contents(done) == before
    ended = command.verify("run")
    assert ended.code == 5, "as if it were damaged"
    assert SAID in ended.err


def refused(ended: Ended) -> None:
    assert ended.code == 2, ended
    assert ended.err.startswith("1 ")
    assert SAID in ended.err


def test_nor_is_it_compared(command: Command, done: Path) -> None:
    make_newer(done / "snapshots/epoch_001.json")
    refused(command.diff("run@0", "run@1"))
    ended = command.verify("run")
    assert (ended.code, SAID in ended.err) == (5, True)
    make_newer(done / "plan.json")
    refused(command.diff("run@0", "run"))


def test_what_a_sweep_reads_of_its_jobs_is_refused_too(done: Path) -> None:
    make_newer(done / "costs.json")
    make_newer(done / "status.json")
    with pytest.raises(ConfigError, match=SAID):
        costs.read(done / "costs.json")
    with pytest.raises(ConfigError, match=SAID):
        status.read(done)
    make_newer(done / "manifest.json")
    with pytest.raises(ConfigError, match=SAID):
        manifest.read(done)
