import compileall
import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer.backend import device, execution_mode
from trainer.backend.execution_mode import EAGER, GRAPH, PYNATIVE, Mode
from trainer.config.groups import Device

DEVICE = Device(target="cpu")
device.prepare(DEVICE)  # before any test imports MindSpore

import mindspore as ms  # noqa: E402

from tests.support.command import CHECKOUT, Command, trained  # noqa: E402

ms.set_device("CPU")
assert device.install_convolutions(DEVICE) == []
device.load_numpy_interface()  # a test may begin with an eager operator


# The files that start first, so that two workers end at about the same time.
LONGEST = [
    "launch/slurm/test_sweep_on_slurm",
    "run/test_resumed_runs",
    "distributed/test_collectives",
    "feature_cache/test_runs_with_features",
    "launch/test_sweep_jobs",
    "launch/slurm/test_slurm_nodes",
    "feature_cache/test_features",
    "benchmark/test_benchmark",
    "distributed/test_ranks_apart",
    "distributed/test_ranks_on_slurm",
    "run/test_compile_cache",
    "cli/test_train",
    "cli/test_own_code",
    "freezing/api/test_freeze_causes",
    "launch/sweepers/test_optuna_search",
    "run/test_kill",
    "freezing/test_pitfalls",
    "launch/test_sweep",
    "freezing/test_properties",
    "models/test_mindcv",
    "parity/test_parity",
    "freezing/test_policies",
    "artifacts/test_audit",
    "cli/test_config_dir",
    "artifacts/test_format_1",
    "callbacks/test_freeze_proof",
    "backend/test_dropout",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    places = {name: at for at, name in enumerate(LONGEST)}
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        name = item.path.relative_to(tests).with_suffix("").as_posix()
        return places.get(name, len(places))

    items.sort(key=place)


def pytest_configure() -> None:
    """Write bytecode for the processes that tests start, even if Python is told not to."""
    for folder in ("trainer", "models", "datasets", "conf"):
        compileall.compile_dir(CHECKOUT / folder, quiet=2)


def pytest_collection_finish() -> None:
    """Exclude existing objects from garbage collection, which MindSpore runs at each compile."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of compiled graphs that only the tests use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield Path(os.environ["XDG_CACHE_HOME"]) / "freeze-trainer" / "graphs"


@pytest.fixture(autouse=True)
def same_start() -> Iterator[None]:
    """Start every test in GRAPH_MODE with the same seed, and check that it keeps the mode."""
    execution_mode.select(GRAPH)
    ms.set_seed(0)
    yield
    assert ms.get_context("mode") == ms.GRAPH_MODE


@pytest.fixture(params=[GRAPH, PYNATIVE, EAGER])
def mode(request: pytest.FixtureRequest) -> Iterator[Mode]:
    """Each execution mode, selected for the test."""
    selected: Mode = request.param
    execution_mode.select(selected)
    yield selected
    execution_mode.select(GRAPH)


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The commands, run in a separate folder per test."""
    return Command(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that several tests share; ``run`` is a copy that a test may change."""
    return trained(tmp_path_factory.mktemp("finished"), "freeze=conv1", "epochs=1")


@pytest.fixture
def run(finished: Path, command: Command) -> str:
    """Name of a copy of the finished run, in the folder of the commands."""
    shutil.copytree(finished, command.folder / "a run")
    return "a run"


@pytest.fixture
def done(finished: Path, command: Command) -> Path:
    """Path of such a copy, which has the name that the commands give a run."""
    return Path(shutil.copytree(finished, command.folder / "run"))
