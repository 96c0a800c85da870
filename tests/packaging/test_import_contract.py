"""The import contract of pyproject.toml reports a wrong import, by the contract that it breaks."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = "Rooms import only from rooms below them"
CYCLES = "No import cycles between siblings"
MINDSPORE = "Settings, launchers, records and plans do not import MindSpore"
LINTER = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the package and of the contract, without models, data sets and tests."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "trainer", tmp_path / "trainer", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``lint-imports`` on a tree; ``-c`` puts its current folder first on the path."""
    command = [sys.executable, "-c", LINTER, "--no-cache", *arguments]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=120)


def broken(tree: Path) -> set[str]:
    """Return the names of the contracts that a tree breaks."""
    process = lint(tree)
    assert process.returncode == 1, process.stdout + process.stderr
    lines = process.stdout.splitlines()
    return {line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")}


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("core/text", "import trainer.run.fit", ROOMS),
        ("config/rules", "import trainer.config.policy", CYCLES),
        ("config/schema", "import mindspore", MINDSPORE),
        ("launch/jobs", "import trainer.data.batches", MINDSPORE),
        ("launch/jobs", "def late() -> None:\n    import mindspore", MINDSPORE),
    ],
)
def test_a_wrong_import_is_reported(tree: Path, module: str, line: str, contract: str) -> None:
    path = tree / "trainer" / f"{module}.py"
    path.write_text(f"{path.read_text()}\n\n{line}\n")
    assert contract in broken(tree)


def test_imports_for_annotations_respect_rooms_and_cycles_too(tree: Path) -> None:
    settings = tree / "pyproject.toml"
    lenient = "exclude_type_checking_imports = true"
    assert lenient in settings.read_text()
    settings.write_text(settings.read_text().replace(lenient, ""))
    process = lint(tree, "--contract", "rooms", "--contract", "cycles")
    assert process.returncode == 0, process.stdout
