"""--config-dir: a user's own groups and experiments beside the shipped ones."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command, Ended
from tests.support.sweeps import run_sweep
from trainer.artifacts import manifest
from trainer.config import config_folders
from trainer.core.atomic_files import digest

CODE = """
from mindspore import nn

from trainer.freezing.methods import requires_grad


class Loss(nn.CrossEntropyLoss):
    pass


def apply(cells, parameters):
    return requires_grad.apply(cells, parameters)
"""
FILES = {
    "loss/mine.yaml": "_target_: my_code.Loss\n",
    "freeze_method/mine.yaml": "_target_: my_code.apply\ncuts: false\n",
    "experiment/mine.yaml": "# @package _global_\nfreeze: conv1\nepochs: 1\nbatch_size: 128\n",
    "experiment/other.yaml": "# @package _global_\nepochs: 7\n",
}
USED = ["experiment/mine.yaml", "freeze_method/mine.yaml", "loss/mine.yaml"]
MINE = ["--config-dir", "conf", "experiment=mine", "loss=mine", "method=mine"]


def lay_out(folder: Path) -> None:
    (folder / "my_code.py").write_text(CODE)
    for name, text in FILES.items():
        (folder / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "conf" / name).write_text(text)


@pytest.fixture(autouse=True)
def only_the_shipped_conf_afterwards() -> Iterator[None]:
    yield
    config_folders.use(None)


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    lay_out(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return Command(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep whose one job is a finished run."""
    folder = tmp_path_factory.mktemp("trained")
    lay_out(folder)
    ended = run_sweep(folder, *MINE)
    assert ended.code == 0, ended
    return folder


@pytest.fixture
def run(trained: Path, command: Command) -> Path:
    """A copy of the run, which has recorded a folder of the same content as the command's own."""
    path = Path(shutil.copytree(trained / "sweep/all", command.folder / "a"))
    text = (path / ".hydra/config_dir.json").read_text()
    (path / ".hydra/config_dir.json").write_text(text.replace(str(trained), str(command.folder)))
    manifest.write(path, done=True)
    return path


def record(run: Path) -> Any:
    return json.loads((run / ".hydra/config_dir.json").read_text())


def refused(ended: Ended, *texts: str) -> None:
    assert ended.code == 2, ended
    assert "Traceback" not in ended.err
    for text in texts:
        assert text in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("flag", [["--config-dir", "conf"], ["--config-dir=conf"], ["-cd", "conf"]])
def test_a_run_uses_groups_experiments_and_methods_of_the_folder(
    command: Command, flag: list[str]
) -> None:
    ended = command.train(*flag, *MINE[2:])
    assert ended.code == 0, ended.err
    assert "by mine: conv1.weight, conv1.bias" in ended.out
    found = record(command.folder / "run")
    assert found["folder"] == str(command.folder / "conf")
    assert {row["file"]: row["sha256"] for row in found["files"]} == {
        name: digest(command.folder / "conf" / name) for name in USED
    }
    assert "replaces" not in ended.out


@pytest.mark.slow
def test_a_job_of_a_sweep_in_its_worker_process(trained: Path) -> None:
    assert record(trained / "sweep/all")["folder"] == str(trained / "conf")
    assert [row["file"] for row in record(trained / "sweep/all")["files"]] == USED


@pytest.mark.slow
def test_ranks_use_it_too(command: Command) -> None:
    ended = command.train(*MINE, "distributed=msrun", "distributed.ranks=2")
    assert ended.code == 0, ended.err
    assert [row["file"] for row in record(command.folder / "run")["files"]] == USED


def test_a_command_of_a_job_names_the_folder(command: Command) -> None:
    from trainer.launch import jobs

    config_folders.use(Path("conf"))
    words = jobs.make_job(Path("sweep"), ["seed=1"], []).command()
    assert words[3:6] == ["--config-dir", str(command.folder / "conf"), "seed=1"]


def test_plan_and_probe(command: Command) -> None:
    planned = command.plan(*MINE)
    assert planned.code == 0, planned.err
    assert "conv1 (mine)" in planned.out
    probed = command.probe("-cd", "conf", *MINE[2:])
    assert probed.code == 0, probed.err
    assert "conv1 (mine)" in probed.out


def test_without_the_flag_nothing_of_it_is_known(command: Command) -> None:
    refused(command.plan("loss=mine"), "no loss named mine")
    refused(command.plan("method=mine"), "received 'mine'")


@pytest.mark.slow
def test_a_run_that_resumes_uses_its_folder_without_the_flag(command: Command, run: Path) -> None:
    ended = command.resume("a", "epochs=2")
    assert ended.code == 0, ended.err
    assert [row["file"] for row in record(run)["files"]] == USED
    assert command.verify("a").code == 0


@pytest.mark.slow
def test_a_file_that_changed_is_named_and_may_be_allowed(command: Command, run: Path) -> None:
    path = command.folder / "conf/loss/mine.yaml"
    path.write_text(path.read_text() + "# another comment\n")
    (command.folder / "conf/experiment/other.yaml").unlink()  # which the run does not use
    refused(command.resume("a", "epochs=2"), "1 ", ": loss/mine.yaml.", "resume.allow=[config_dir]")
    ended = command.resume("a", "epochs=2", "resume.allow=[config_dir]")
    assert ended.code == 0, ended.err
    assert record(run)["files"][-1] == {"file": "loss/mine.yaml", "sha256": digest(path)}


@pytest.mark.slow
def test_a_folder_that_has_moved_is_named_anew(command: Command, run: Path) -> None:
    (command.folder / "conf").rename(command.folder / "moved")
    refused(command.resume("a", "epochs=2"), "conf, which is gone")
    for ended in (command.verify("a"), command.evaluate("a")):
        assert ended.code == 0, ended.err
    ended = command.train("-cd", "moved", "resume=a", "epochs=2")
    assert ended.code == 0, ended.err
    assert record(run)["folder"] == str(command.folder / "moved")


def test_evaluate_and_export_offer_the_groups_of_the_runs_folder(
    command: Command, run: Path
) -> None:
    (command.folder / "conf/loss/late.yaml").write_text(FILES["loss/mine.yaml"])
    evaluated = command.evaluate("a", "loss=late")
    assert evaluated.code == 0, evaluated.err
    assert "by my_code.Loss" in evaluated.out
    exported = command.export("a", "format=safetensors", "-cd", "conf")
    assert exported.code == 0, exported.err


def test_a_file_in_the_place_of_a_shipped_one_wins_and_is_reported(command: Command) -> None:
    path = command.folder / "conf/optimizer/momentum.yaml"
    path.parent.mkdir()
    path.write_text("_target_: mindspore.nn.Momentum\nlr: 0.125\nmomentum: 0.5\n")
    ended = command.plan(*MINE)
    assert ended.code == 0, ended.err
    assert ended.out.count("replaces shipped files: optimizer/momentum.yaml\n") == 1
    assert " 0.125 " in ended.out


def test_a_launcher_with_other_defaults(command: Command) -> None:
    path = command.folder / "conf/hydra/launcher/mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("defaults: [local, _self_]\nn_jobs: 0\n")
    ended = command.train("-m", "seed=0,1", "hydra/launcher=mine", "-cd", "conf")
    refused(ended, "hydra.launcher.n_jobs: expected at least 1, received 0")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-cd", "cnf"], "expected a folder of YAML files, received "),
        (["-cd", "cnf"], "/cnf (nearest: conf"),
        (["-cd", "my_code.py"], "expected a folder of YAML files"),
        (["hydra.run.dir=run", "-cd"], "expected one folder, received none"),
        (["-cd", "conf", "--config-dir=conf"], "expected one folder, received conf and conf"),
        (["--config-di", "conf"], "--config-dir: expected the flag in full"),
    ],
)
def test_no_such_folder(command: Command, words: list[str], text: str) -> None:
    before = command.left()
    refused(command.train(*words), text)
    assert command.left() == before


@pytest.mark.parametrize(
    ("name", "content", "words", "text"),
    [
        ("train.yaml", "epochs: 3\n", [], "write experiment/NAME.yaml in "),
        ("loss/bad.yaml", "a: [\n", ["loss=bad"], "bad.yaml"),
        ("experiment/bad.yaml", "defaults: [/loss: nope]\n", ["experiment=bad"], "nope"),
        ("freeze_method/bad.yaml", "_target_: a.b\n", ["method=bad"], "bad.yaml: expected cuts"),
        ("freeze_method/bad.yaml", "a: [\n", ["method=bad"], "bad.yaml: expected keys and values"),
    ],
)
def test_a_file_that_cannot_be_used(
    command: Command, name: str, content: str, words: list[str], text: str
) -> None:
    (command.folder / "conf" / name).write_text(content)
    refused(command.plan("-cd", "conf", "freeze=conv1", *words), text)
