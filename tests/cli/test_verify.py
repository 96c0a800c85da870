"""``python -m trainer.verify`` on whole runs: what holds is told, and what was not checked."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.command import CHECKOUT, Command
from trainer.artifacts import data_manifest
from trainer.cli import verify
from trainer.core.errors import Tampered


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["last", "off", "every:2"])
def test_runs_that_keep_less_hold_too(keep: str, command: Command) -> None:
    assert command.train("experiment=seed_mindspore", f"snapshot.keep={keep}").code == 0
    ended = command.verify("run")
    assert ended.code == 0, ended.err
    assert ("no snapshot was to be retained" in ended.out) == (keep == "off")
    names = [line.split("  ")[0] for line in ended.out.splitlines()]
    checks = [name for name in names if name != "not checked"]
    assert len(checks) == len(set(checks)), "no two checks have one name"


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["policy=bias_only", "freeze=['re:conv.','fc1.*']"])
def test_other_policies_hold_as_far_as_names_tell(policy: str, command: Command) -> None:
    line = [policy, "method=requires_grad", "epochs=1", "snapshot.max_mb=1"]
    assert command.train(*line, "limit_validation_batches=1").code == 0
    ended = command.verify("run")
    assert ended.code == 0, ended.err
    assert ("rule by position" in ended.out) == (policy == "policy=bias_only")


@pytest.mark.slow
def test_a_run_that_ended_early_holds_as_far_as_it_went(command: Command) -> None:
    line = ["epochs=2", "optimizer.lr=1e30", "optimizer.momentum=0", "freeze=conv1"]
    assert command.train(*line, "limit_validation_batches=1").code == 4
    ended = command.verify("run")
    assert ended.code == 0, ended.err
    assert "model.safetensors: there is no snapshot of the same moment" in ended.out
    assert "\nmodel.safetensors  frozen tensors as at the start\n" in ended.out
    (command.folder / "run/model.safetensors").unlink()
    (command.folder / "run/manifest.json").unlink()
    assert "model.safetensors  none, because the run did not" in command.verify("run").out


def test_mistakes(command: Command) -> None:
    (command.folder / "run").mkdir()
    assert command.verify().code == 2
    assert command.verify("run", "run").code == 2
    assert "dat: unknown key (nearest: data)" in command.verify("run", "dat=true").err
    assert "data: expected true or false, received '1'" in command.verify("run", "data=1").err
    assert "which holds no plan.json" in command.verify("run").err
    ended = command.verify("rum")
    assert (ended.code, "which does not exist (nearest: run)" in ended.err) == (2, True)
    assert command.verify("--help").out.startswith("usage: python -m trainer.verify RUN")


@pytest.mark.slow
def test_verify_and_diff_need_no_mindspore(command: Command) -> None:
    """It is made impossible to import, and they do all their work."""
    assert command.train("experiment=seed_mindspore", "epochs=1").code == 0
    for words in (["verify", "run"], ["diff", "run@0", "run@last"]):
        code = (
            "import runpy, sys; sys.modules['mindspore'] = None; sys.argv = sys.argv[1:]; "
            "runpy.run_module(sys.argv[0], run_name='__main__')"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code, f"trainer.{words[0]}", *words[1:]],
            cwd=command.folder,
            env={"PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout


def test_files_of_the_data_are_read_again_if_asked(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("content")
    part = SimpleNamespace(root=tmp_path, files=["a"])
    assert verify.data_checks(tmp_path, False) == []
    assert verify.data_checks(tmp_path, True)[0].said == "none are recorded"
    manifest = data_manifest.make({"train": part}, lambda: False)
    assert manifest is not None
    data_manifest.write(tmp_path, manifest)
    assert "data=true reads them again" in verify.report(verify.data_checks(tmp_path, False), None)
    said = verify.report(verify.data_checks(tmp_path, True), None)
    assert said.split(maxsplit=2)[2] == f"1 file in {tmp_path}, each as the run read it"
    (tmp_path / "a").write_text("other")
    with pytest.raises(Tampered, match="a: expected as the run read it, received different"):
        verify.judge(verify.data_checks(tmp_path, True))
    (tmp_path / "data.jsonl").write_text("")
    with pytest.raises(Tampered, match=r"data\.jsonl: expected the files of the data"):
        verify.judge(verify.data_checks(tmp_path, False))
