"""Runs of several phases that resume: with other phases, into phases and out of them."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.command import Command, trained
from tests.support.phased import LINES, PHASES, checkpoints, read
from tests.support.runs import bits, placed, records
from trainer.checkpoint import checkpoint_index
from trainer.core import atomic_files

pytestmark = pytest.mark.slow

SHORT = "phases.list=[{name: head, freeze: [conv1, conv2], until: {epochs: 1}}, {name: all}]"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two phases that ended after three steps of the second."""
    return trained(tmp_path_factory.mktemp("stopped"), SHORT, *LINES[1:], "max_steps=25")


@pytest.fixture
def run(stopped: Path, command: Command) -> Path:
    return shutil.copytree(stopped, command.folder / "run")


def begun(run: Path) -> list[tuple[str, int, int]]:
    """Name and moment of each phase that the last checkpoint has seen begin."""
    rows = checkpoints(run)[-1].get("phases", {}).get("begun", [])
    return [(row["name"], row["epochs"], row["steps"]) for row in rows]


def test_a_list_that_goes_on_otherwise_has_to_be_allowed(run: Path, command: Command) -> None:
    assert begun(run) == [("head", 0, 0), ("all", 1, 0)]
    lines = PHASES, "max_steps=null"
    ended = command.resume("run", *lines)
    assert ended.code == 2
    assert "phases.list: head, all -> head, all, again" in ended.err
    assert "resume.allow=[phases]" in ended.err
    ended = command.resume("run", *lines, "resume.allow=[phases]")
    assert ended.code == 0, ended.err
    assert begun(run) == [("head", 0, 0), ("all", 1, 0), ("again", 1, 10)]
    chapters = [(c["phase"], c["epochs"], c["steps"]) for c in read(run, "proof.json")["chapters"]]
    assert chapters == [("head", 1, 0), ("all", 1, 10)]
    ended = command.verify("run")
    assert ended.code == 0, ended.out


def test_the_present_phase_has_to_be_among_them(run: Path, command: Command) -> None:
    lines = PHASES.replace("name: all", "name: al"), "max_steps=null", "resume.allow=[phases]"
    ended = command.resume("run", *lines)
    assert ended.code == 2
    assert "expected a phase named all" in ended.err
    assert "nearest: al" in ended.err


def test_a_run_leaves_its_phases_and_returns_to_them(run: Path, command: Command) -> None:
    plain = "phases.list=[]", "freeze=conv1", "max_steps=50"
    ended = command.resume("run", *plain, "resume.allow=[phases,policy]")
    assert ended.code == 0, ended.err
    assert "phase" not in records(run)[-1]
    assert "phases" not in read(run, "plan.json")
    assert command.verify("run").code == 0
    back = PHASES, "freeze=null", "max_steps=null", "epochs=5"
    ended = command.resume("run", *back, "resume.allow=[phases,policy]")
    assert ended.code == 0, ended.err
    assert begun(run) == [("head", 2, 6), ("all", 3, 6), ("again", 3, 16)]
    ended = command.verify("run")
    assert ended.code == 0, ended.out


def test_a_run_by_a_trainer_that_knew_no_phases_resumes(command: Command) -> None:
    lines = "freeze=conv1", "epochs=2"
    for name in ("run", "whole"):
        assert placed(command, name, *lines)[0] == 0
    run = command.folder / "run"
    assert not any("phases" in record for record in checkpoints(run))
    forget_phases(run)
    ended = command.resume("run", "epochs=3")
    assert ended.code == 0, ended.err
    assert command.resume("whole", "epochs=3").code == 0
    assert bits(run) == bits(command.folder / "whole")


def forget_phases(run: Path) -> None:
    """Leave out the key of phases, which the settings of an older trainer lack."""
    folder = run / "checkpoints"
    index = json.loads((folder / "index.json").read_text())
    for entry in index["kept"]:
        path = folder / entry["name"] / "checkpoint.json"
        record = json.loads(path.read_text())
        del record["settings"]["phases"]
        path.write_text(json.dumps(record))
        entry["sha256"] = atomic_files.digest(path)
    (folder / "index.json").write_text(json.dumps(index))
    assert checkpoint_index.problems(folder) == []
