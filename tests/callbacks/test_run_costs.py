"""What a run took: medians, the compilation, and the peak of its memory."""

import resource
from pathlib import Path

import pytest

from trainer.artifacts import costs
from trainer.artifacts.costs import RunCosts
from trainer.callbacks import run_costs
from trainer.callbacks.run_costs import CostsRecorder
from trainer.engine.callback import PhaseResult
from trainer.engine.phase_place import PhaseStart
from trainer.engine.progress import Progress
from trainer.freezing.plan import Plan


def recorded(
    folder: Path, seconds: list[float], overheads: tuple[float, ...] = (), **flags: bool
) -> RunCosts | None:
    recorder = CostsRecorder(folder / "costs.json", **flags)
    for time in seconds:
        recorder.on_step_end(1.0, time, Progress())
    for time in overheads:
        recorder.on_epoch_overhead(time)
    recorder.on_run_end(True)
    return costs.read(folder / "costs.json")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_costs, "_peak_memory", lambda: 12.5)


@pytest.mark.usefixtures("memory")
def test_the_first_step_is_compared_with_the_median_of_the_others(tmp_path: Path) -> None:
    spent = recorded(tmp_path, [9.0, 1.0, 2.0, 6.0], (0.5, 0.25, 4.0))
    assert spent == RunCosts(4, 2.0, 7.0, 12.5, False, 0.5)


@pytest.mark.usefixtures("memory")
def test_the_first_step_of_each_phase_compiles(tmp_path: Path) -> None:
    recorder, path = CostsRecorder(tmp_path / "costs.json"), tmp_path / "costs.json"
    ended = PhaseResult(PhaseStart(), Plan(()), Progress(), "", {})
    for seconds in ([9.0, 1.0], [5.0, 2.0], [4.0]):
        for time in seconds:
            recorder.on_step_end(1.0, time, Progress())
        recorder.on_phase_end(ended)
    recorder.on_run_end(True)
    assert costs.read(path) == RunCosts(5, 1.5, 7.5 + 3.5 + 2.5, 12.5, False, None)


@pytest.mark.usefixtures("memory")
def test_a_graph_from_before_costs_no_compilation(tmp_path: Path) -> None:
    spent = recorded(tmp_path, [9.0, 1.0, 2.0], compiled=True, shared=True)
    assert spent == RunCosts(3, 1.5, None, 12.5, True, None)


@pytest.mark.usefixtures("memory")
def test_a_quick_first_step_has_compiled_in_no_time(tmp_path: Path) -> None:
    assert recorded(tmp_path, [1.0, 2.0]) == RunCosts(2, 2.0, 0.0, 12.5, False, None)


@pytest.mark.usefixtures("memory")
def test_one_step_does_not_tell_the_compilation(tmp_path: Path) -> None:
    assert recorded(tmp_path, [9.0]) == RunCosts(1, None, None, 12.5, False, None)


@pytest.mark.usefixtures("memory")
def test_nothing_is_written_of_a_run_without_steps(tmp_path: Path) -> None:
    assert recorded(tmp_path, [], (1.0,)) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("memory")
def test_the_wait_for_data_is_a_share_of_the_steps_without_the_compilation(tmp_path: Path) -> None:
    recorder = CostsRecorder(tmp_path / "costs.json")
    for seconds in (9.0, 1.0, 2.0, 1.0):
        recorder.on_step_end(1.0, seconds, Progress())
    for waited in (0.25, 0.5):
        recorder.on_data_wait(waited)
    recorder.on_run_end(True)
    spent = costs.read(tmp_path / "costs.json")
    assert spent is not None
    assert (spent.compile_seconds, spent.data_wait_share) == (8.0, 0.15)


def test_the_peak_is_that_of_this_process_in_millions_of_bytes() -> None:
    peak = run_costs._peak_memory()
    assert peak is not None
    # the kernel's two counts differ after a reset by another test, which lowers the first alone
    assert 10 < peak <= 1.05 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


@pytest.mark.parametrize(
    ("status", "peak"),
    [("Name:\tpython\nVmHWM:\t  2000 kB\nVmRSS:\t 1 kB\n", 2.048), ("Name:\tpython\n", None)],
)
def test_the_line_of_the_peak_is_read(
    status: str, peak: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self: status)
    assert run_costs._peak_memory() == peak
