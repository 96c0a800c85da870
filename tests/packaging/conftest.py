import shutil
import sys
from pathlib import Path

import pytest

from tests.support.environments import ENTRY, ROOT, SOURCES, Environment, new_environment, run


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, so that nothing is ever built or written in the checkout itself."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    (root / ENTRY).parent.mkdir()
    shutil.copy(ROOT / ENTRY, root / ENTRY)
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, root)
    return root


@pytest.fixture(scope="session")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("wheel") / "source"
    shutil.copytree(checkout, source)
    folder = source.parent / "dist"
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Has the dependencies, and no trainer."""
    return new_environment(tmp_path_factory.mktemp("bare") / "venv")


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Has the wheel, beside neighbours that bear the names of the checkout's folders.

    The neighbour `datasets` stands for Hugging Face's package, which is too heavy to install here.
    """
    environment = new_environment(tmp_path_factory.mktemp("installed") / "venv")
    for name in ("datasets", "models"):
        (environment.packages / name).mkdir()
        (environment.packages / name / "__init__.py").write_text("neighbour = True\n")
    environment.install(wheel)
    return environment
