"""Nothing that MindSpore deprecates is used; its Python and its C++ warn of it in its own log."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT

pytestmark = pytest.mark.slow

# Commands in one process, in which a deprecation warning of MindSpore's Python is an error.
COMMANDS = """
import sys
from mindspore import log
from trainer.cli import evaluate, export, plan, train

def raising(text, *arguments, **options):
    if "deprecated" in str(text):
        raise AssertionError(text)
    warning(text, *arguments, **options)

warning, log.warning = log.warning, raising
for command, *words in (
    (plan, "freeze=conv1"),
    (train, "freeze=conv1", "epochs=1", "hydra.run.dir=run"),
    (evaluate, "run"),
    (export, "run", "format=mindir"),
    (train, "freeze=conv1", "epochs=1", "hydra.run.dir=pynative", "device.mode=pynative"),
    (train, "freeze=conv1", "epochs=1", "hydra.run.dir=eager", "device.mode=eager"),
):
    sys.argv = ["trainer", *words]
    command.main()
"""


def run(tmp_path: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a folder, with MindSpore's warnings shown."""
    variables = {**os.environ, "GLOG_v": "2", "PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_the_commands_use_nothing_deprecated(tmp_path: Path) -> None:
    ended = run(tmp_path, COMMANDS)
    assert ended.returncode == 0, ended.stderr
    assert {path.name for path in tmp_path.iterdir()} >= {"run", "pynative", "eager"}
    assert "[WARNING]" in ended.stderr  # they are shown
    assert "deprecated" not in ended.stderr
    assert "deprecated" not in ended.stdout


def test_a_deprecated_parameter_would_be_noticed(tmp_path: Path) -> None:
    deprecated = "import mindspore\nmindspore.set_context(pynative_synchronize=True)\n"
    ended = run(tmp_path, COMMANDS.partition("for command")[0] + deprecated)
    assert ended.returncode == 1
    assert "AssertionError: For 'context.set_context'" in ended.stderr
