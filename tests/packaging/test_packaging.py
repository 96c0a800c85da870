"""The trainer is importable, and complete, wherever it is started from and however it got there.

Environments are made without a download: each takes its dependencies from the interpreter that runs
the tests, by a .pth file. Python does not follow .pth files in a folder that another one named, so
an editable install of the trainer in the running environment does not leak in.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    "trainer": "trainer",
    "models": "trainer/models",
    "datasets": "trainer/datasets",
    "conf": "trainer/conf",
}
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

    def install(self, *arguments: str | Path) -> None:
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "-q"]
        run(*pip, "--no-index", "--no-deps", "--no-build-isolation", *arguments)

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


def in_checkout(root: Path) -> list[Path]:
    return [root / folder for folder in SOURCES]


def in_packages(environment: Environment) -> list[Path]:
    return [environment.packages / folder for folder in SOURCES.values()]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, so that nothing is ever built or written in the checkout itself."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, root)
    return root


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("wheel") / "source"
    shutil.copytree(checkout, source)
    folder = source.parent / "dist"
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Has the dependencies, and no trainer."""
    return new_environment(tmp_path_factory.mktemp("bare") / "venv")


@pytest.fixture(scope="module")
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


def test_wheel_holds_the_four_folders_and_nothing_else(wheel: Path) -> None:
    expected = {
        f"{inside}/{file.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in SOURCES.items()
        for file in (ROOT / folder).rglob("*")
        if file.suffix in SHIPPED
    }
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected


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
