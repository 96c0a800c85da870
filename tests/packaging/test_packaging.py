"""The trainer is importable, and complete, wherever it is started from and however it got there."""

import shutil
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.environments import (
    ENTRY,
    ROOT,
    SHIPPED,
    SOURCES,
    WHERE,
    Environment,
    new_environment,
)

pytestmark = pytest.mark.slow  # each builds environments


def in_checkout(root: Path) -> list[Path]:
    return [root / folder for folder in SOURCES]


def in_packages(environment: Environment) -> list[Path]:
    return [environment.packages / folder for folder in SOURCES.values()]


def test_wheel_holds_the_four_folders_and_the_entry_module(wheel: Path) -> None:
    expected = {
        f"{inside}/{file.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in SOURCES.items()
        for file in (ROOT / folder).rglob("*")
        if file.suffix in SHIPPED
    } | {Path(ENTRY).name}
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    patterns = ("trainer/backend/convolutions/_blocked*", "trainer/datasets/images/_kernels*")
    libraries = {name for name in names if any(Path(name).match(pattern) for pattern in patterns)}
    assert names - libraries == expected
    assert len(libraries) == 2 * (sys.platform == "linux" and shutil.which("c++") is not None)


def test_bare_checkout_at_its_root(bare: Environment, checkout: Path) -> None:
    assert bare.where(cwd=checkout) == in_checkout(checkout)


def test_bare_checkout_from_elsewhere(bare: Environment, checkout: Path, tmp_path: Path) -> None:
    assert bare.where(cwd=tmp_path, PYTHONPATH=str(checkout)) == in_checkout(checkout)


def test_wheel_from_elsewhere(installed: Environment, tmp_path: Path) -> None:
    assert installed.where(cwd=tmp_path) == in_packages(installed)


def test_at_the_root_of_a_checkout_the_checkout_comes_before_the_wheel(
    installed: Environment, checkout: Path
) -> None:
    assert installed.where(cwd=checkout) == in_checkout(checkout)
    assert installed.where("-I", cwd=checkout) == in_packages(installed)


def test_editable_install(checkout: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(checkout, source)
    environment = new_environment(tmp_path / "venv")
    environment.install("-e", source)
    assert environment.where(cwd=tmp_path) == in_checkout(source)
    assert environment.where(cwd=source) == in_checkout(source)


@pytest.mark.parametrize("start", ["pytest", "python -m pytest"])
def test_pytest_finds_a_bare_checkout(
    start: str, bare: Environment, checkout: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(checkout, source)
    (source / "tests").mkdir()
    (source / "tests" / "test_import.py").write_text(f"def test_import() -> None:{indented(WHERE)}")
    script = tmp_path / "run_pytest.py"
    script.write_text("import sys, pytest\nsys.exit(pytest.console_main())\n")
    # As a script, pytest has the script's folder on its path, and not the current one.
    arguments = ["-m", "pytest"] if start == "python -m pytest" else [script]
    assert "1 passed" in bare.run(*arguments, "-q", cwd=source)


def indented(code: str) -> str:
    return code.replace("\n", "\n    ")


@pytest.mark.parametrize("place", ["elsewhere", "checkout"])
@pytest.mark.parametrize("name", ["datasets", "models"])
def test_neighbours_keep_their_names(
    name: str, place: str, installed: Environment, checkout: Path, tmp_path: Path
) -> None:
    cwd = checkout if place == "checkout" else tmp_path
    found = installed.run("-c", f"import trainer, {name}; print({name}.neighbour)", cwd=cwd)
    assert found == "True\n"


def test_a_neighbour_is_never_taken_for_a_folder_of_the_trainer(
    bare: Environment, checkout: Path, tmp_path: Path
) -> None:
    """In site-packages `datasets` stands beside `trainer`, as it does in a checkout."""
    shutil.copytree(checkout / "trainer", tmp_path / "trainer")
    shutil.copytree(checkout / "datasets", tmp_path / "datasets")
    code = "from importlib.util import find_spec; print(find_spec('trainer.datasets'))"
    assert bare.run("-c", code, cwd=tmp_path) == "None\n"


def test_importing_the_trainer_is_quick(bare: Environment, checkout: Path) -> None:
    code = "import sys, trainer; print(not {'mindspore', 'hydra', 'numpy'} & set(sys.modules))"
    assert bare.run("-c", code, cwd=checkout) == "True\n"


def test_wheel_trains_elsewhere(installed: Environment, tmp_path: Path) -> None:
    arguments = ["freeze=conv1", "method=stop_gradient", "epochs=1"]
    installed.run("-m", "trainer", *arguments, f"hydra.run.dir={tmp_path / 'run'}", cwd=tmp_path)
    assert (tmp_path / "run" / "proof.json").is_file()
