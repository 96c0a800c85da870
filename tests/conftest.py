import compileall
import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer import device

device.prepare()  # before MindSpore is imported, by whatever test comes first

import mindspore as ms  # noqa: E402

from tests.command import CHECKOUT, Command, trained  # noqa: E402

ms.set_device("CPU")


# Of these files, which begin first: two workers are to end together.
LONGEST = [
    "test_slurm",
    "test_going_on",
    "test_distributed",
    "test_features_run",
    "test_sweep_jobs",
    "test_slurm_nodes",
    "test_features",
    "test_distributed_apart",
    "test_distributed_slurm",
    "test_compile_cache",
    "test_app",
    "test_own",
    "test_frozen_causes",
    "test_search",
    "test_kill",
    "test_traps",
    "test_sweep",
    "test_properties",
    "test_mindcv",
    "test_parity",
    "test_policies",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def pytest_configure() -> None:
    """Keep the bytecode for the processes that tests start, whether or not Python is told to."""
    for folder in ("trainer", "models", "datasets", "conf"):
        compileall.compile_dir(CHECKOUT / folder, quiet=2)


def pytest_collection_finish() -> None:
    """Keep the garbage collector, which MindSpore calls before each compile, from what stays."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of compiled graphs, which is the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield Path(os.environ["XDG_CACHE_HOME"]) / "freeze-trainer" / "graphs"


@pytest.fixture(autouse=True)
def same_start() -> Iterator[None]:
    """Every test starts in GRAPH_MODE with the same seed, and leaves no other mode behind."""
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_seed(0)
    yield
    assert ms.get_context("mode") == ms.GRAPH_MODE


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The commands, run in a folder of the test's own."""
    return Command(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that several tests share; see ``run`` for one to do things to."""
    return trained(tmp_path_factory.mktemp("finished"), "freeze=conv1", "epochs=1")


@pytest.fixture
def run(finished: Path, command: Command) -> str:
    """A copy of the finished run, in the folder of the commands."""
    shutil.copytree(finished, command.folder / "a run")
    return "a run"


@pytest.fixture
def done(finished: Path, command: Command) -> Path:
    """Such a copy by the name that the commands give a run."""
    return Path(shutil.copytree(finished, command.folder / "run"))
