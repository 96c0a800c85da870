"""The sandbox refuses folders that it has not created."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.sandbox import SCRIPT


def ended(folder: Path, word: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "TRAINER_SLURM": str(folder)}
    return subprocess.run([SCRIPT, word], env=environment, capture_output=True, text=True)


def refused(folder: Path, word: str) -> bool:
    call = ended(folder, word)
    said = "trainer: expected TRAINER_SLURM to name a folder of yours"
    return call.returncode == 1 and call.stderr.startswith(said) and call.stderr.count("\n") == 1


@pytest.mark.parametrize("word", ["down", "up"])
def test_a_sites_own_folder_is_refused(tmp_path: Path, word: str) -> None:
    (tmp_path / "slurm.conf").write_text("ClusterName=site\n")
    assert refused(tmp_path, word)
    assert (tmp_path / "slurm.conf").read_text() == "ClusterName=site\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to change the owner of a folder")
def test_another_users_folder_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    assert refused(tmp_path, "down")


def test_down_succeeds_without_a_sandbox(tmp_path: Path) -> None:
    assert ended(tmp_path, "down").returncode == 0
    assert ended(tmp_path / "none", "down").returncode == 0
