import compileall
import gc
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from trainer.backend import device, execution_mode
from trainer.backend.execution_mode import EAGER, GRAPH, PYNATIVE, Mode
from trainer.config.groups import Device
from trainer.core import atomic_files

DEVICE = Device(target="cpu")
device.prepare(DEVICE)  # before any test imports MindSpore

import mindspore as ms  # noqa: E402

from tests.support.command import CHECKOUT, Command, trained  # noqa: E402
from tests.support.photos import write_photos  # noqa: E402
from trainer.callbacks import plots  # noqa: E402

ms.set_device("CPU")
assert device.install_convolutions(DEVICE) == []
device.load_numpy_interface()  # a test may begin with an eager operator


# The files that start first, so that two workers end at about the same time.
LONGEST = [
    "run/test_image_runs",
    "benchmark/test_loading",
    "run/test_step_settings",
    "engine/test_finite_check",
    "run/test_convolutions",
    "feature_cache/test_compiled_graphs",
    "run/test_summary",
    "engine/test_accumulation",
    "metrics/test_evaluator",
    "run/test_learning_rate",
    "distributed/test_collectives",
    "cli/test_verify",
    "cli/test_experiments",
    "run/test_resumed_runs",
    "run/test_early_stopping",
    "launch/slurm/test_slurm_nodes",
    "launch/slurm/test_sweep_on_slurm",
    "docs/test_readme_page",
    "run/test_resumed_cores",
    "launch/sweepers/test_optuna_search",
    "run/test_kill",
    "parity/test_pretrained",
    "parity/test_efficientnet_lite0",
    "models/test_mindcv_families",
    "checkpoint/pretrained/proposal/test_random_renames",
    "cli/test_predict_exported",
    "cli/test_predict",
    "docs/test_pretrained_page",
    "artifacts/onnx_writer/test_operators",
    "cli/test_plan",
    "freezing/api/test_freeze",
    "optim/test_custom_optimizers",
    "cli/test_train",
    "run/test_own_data_kinds",
    "run/test_compile_cache",
    "backend/convolutions/test_blocked_library",
    "launch/test_sweep_jobs",
    "cli/test_restart",
    "engine/test_loop",
    "distributed/test_ranks_apart",
    "run/test_convolutions_missing",
    "feature_cache/test_features",
    "run/test_edited_data",
    "engine/test_ema",
    "distributed/test_ranks_on_slurm",
    "run/test_disk",
    "docs/test_snapshots_page",
    "parity/test_optimizers",
    "parity/test_losses",
    "feature_cache/test_runs_with_features",
    "benchmark/test_benchmark",
    "engine/test_train_step",
    "docs/test_extend",
    "packaging/test_console_script",
    "packaging/test_packaging",
    "engine/test_gradient_clip",
    "run/test_one_sample_check",
    "cli/test_config_dir",
    "run/test_resumed_runs_damaged",
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """Exclude also what a file of tests has imported, once the file is done."""
    yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of compiled graphs that only the tests use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield Path(os.environ["XDG_CACHE_HOME"]) / "freeze-trainer" / "graphs"


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 30 small photographs of each of two classes; no test may change it."""
    return write_photos(tmp_path_factory.mktemp("photos") / "root")


@pytest.fixture(autouse=True)
def same_start() -> Iterator[None]:
    """Start every test in GRAPH_MODE with the same seed, and check that it keeps the mode."""
    execution_mode.select(GRAPH)
    ms.set_seed(0)
    yield
    assert ms.get_context("mode") == ms.GRAPH_MODE


@pytest.fixture(autouse=True)
def plots_on_run_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this process write empty plots: drawing them takes a tenth of a short run.

    A file whose tests are about plots has a fixture of this name that does nothing.
    """
    monkeypatch.setattr(plots, "save", lambda _, path: atomic_files.write_text(path, ""))


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
