"""Virtual environments without a trainer, in which tests install its wheel.

Environments are made without a download: each takes its dependencies from the interpreter that runs
the tests, by a .pth file. Python does not follow .pth files in a folder that another one named, so
an editable install of the trainer in the running environment does not leak in.
"""

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    "trainer": "trainer",
    "models": "trainer/models",
    "datasets": "trainer/datasets",
    "conf": "trainer/conf",
}
ENTRY = "scripts/freeze_trainer.py"
SHIPPED = (".py", ".yaml", ".safetensors", ".typed")
PARTS = ("trainer", "trainer.models", "trainer.datasets", "trainer.conf")
HIDDEN = {"PYTHONPATH", "PYTHONSAFEPATH"}  # of the variables of whoever runs the tests
WHERE = f"""
import importlib, json
parts = [importlib.import_module(name) for name in {PARTS}]
print(json.dumps([list(part.__path__)[0] for part in parts]))
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"

    def pip(self, *arguments: str | Path) -> list[str | Path]:
        return [sys.executable, "-m", "pip", "--python", self.python, *arguments]

    def install(self, *arguments: str | Path) -> None:
        offline = ("--no-index", "--no-deps", "--no-build-isolation")
        run(*self.pip("install", "-q", *offline, *arguments))

    def run(self, *arguments: str | Path, cwd: Path, **variables: str) -> str:
        return run(self.python, *arguments, cwd=cwd, **variables)

    def where(self, *options: str, cwd: Path, **variables: str) -> list[Path]:
        """The folders of PARTS. `-c` looks in the current folder first, just as `-m` does."""
        return [Path(p) for p in json.loads(self.run(*options, "-c", WHERE, cwd=cwd, **variables))]


def run(*command: str | Path, cwd: Path | None = None, **variables: str) -> str:
    """What the command prints; the test fails with its complaint if it does not end well."""
    kept = {k: v for k, v in os.environ.items() if k not in HIDDEN}
    ended = subprocess.run(
        command, cwd=cwd, env=kept | variables, capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 0, f"{command} in {cwd}:\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def new_environment(folder: Path) -> Environment:
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    environment = Environment(folder)
    dependencies = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (environment.packages / "dependencies.pth").write_text("\n".join(dependencies))
    return environment
