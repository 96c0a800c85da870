"""The README is true: its own example runs, and its table names every exit code."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from trainer.core import errors

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_example_of_an_own_model_runs(tmp_path: Path) -> None:
    section = README.partition("## Fine-tune your own")[2].partition("\n## ")[0]
    module, commands, screen = re.findall(r"^```\w*\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    (tmp_path / "my_task.py").write_text(module)
    for command in commands.replace("\\\n", " ").strip().split("\n\n"):
        program, *arguments = shlex.split(command)
        assert program == "python"
        ended = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
    printed = ended.stdout.splitlines()
    for line in screen.splitlines():
        if not line.startswith("device"):
            assert line in printed


def test_the_table_names_every_exit_code() -> None:
    table = README.partition("## Exit codes")[2].partition("\n## ")[0]
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    raised = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.TrainerExit)
    }
    assert raised <= listed
