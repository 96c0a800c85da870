"""How a job has ended is read from its folder, not from its exit code alone."""

import shutil
import signal
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.support.command import Command
from trainer.artifacts import status
from trainer.artifacts.status import Status
from trainer.backend import device
from trainer.checkpoint.resume import ResumeRequest
from trainer.config import recorded_settings
from trainer.config.groups import Device
from trainer.core import file_lock
from trainer.core.signals import StopFlag
from trainer.launch import jobs
from trainer.launch.job_config import JobConfig
from trainer.launch.local.local_launcher import JobQueue
from trainer.launch.local.worker_handle import WorkerHandle
from trainer.launch.sweep import Sweep, record_end


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(ResumeRequest([]), StopFlag(), {}, tmp_path)


@pytest.fixture
def job_config(finished: Path, tmp_path: Path) -> JobConfig:
    """A job whose folder holds a finished run."""
    shutil.copytree(finished, tmp_path / "seed=0")
    return make_config(tmp_path, "seed=0", finished)


def make_config(folder: Path, line: str, run: Path) -> JobConfig:
    """Return a job with the settings of a run."""
    settings = recorded_settings.settings_of(run / ".hydra/config.yaml")
    return JobConfig(jobs.make_job(folder, [line], []), OmegaConf.create({}), settings)


def test_an_exit_code_of_0_without_a_finished_run_is_a_failure(
    sweep: Sweep, finished: Path
) -> None:
    empty = make_config(sweep.folder, "seed=1", finished)
    assert record_end(sweep, empty, 0, "").state == "failed"
    recorded = status.read(empty.job.folder)
    assert recorded
    assert "its folder holds no finished run" in recorded.why


def test_a_crash_after_the_end_of_a_run_is_no_failure(sweep: Sweep, job_config: JobConfig) -> None:
    status.write(job_config.job.folder, Status("failed", -11, "its process died"))
    assert record_end(sweep, job_config, -signal.SIGSEGV, "its process died").state == "done"
    recorded = status.read(job_config.job.folder)
    assert recorded
    assert recorded.state == "done"


def test_a_job_killed_before_it_was_done_has_failed(sweep: Sweep, job_config: JobConfig) -> None:
    (job_config.job.folder / "manifest.json").unlink()
    assert record_end(sweep, job_config, -signal.SIGKILL, "killed").why == "killed"
    assert sweep.statuses[job_config.job.name].code == -signal.SIGKILL


def test_an_exit_code_that_differs_from_the_recorded_one_counts(
    sweep: Sweep, finished: Path
) -> None:
    config = make_config(sweep.folder, "seed=1", finished)
    config.job.folder.mkdir()
    status.write(config.job.folder, Status("stopped", 75, "max_minutes"))
    assert record_end(sweep, config, 75, "the last line") == Status("stopped", 75, "max_minutes")
    ended = record_end(sweep, config, -signal.SIGKILL, "its process died")
    assert ended == Status("failed", -signal.SIGKILL, "its process died")
    assert sweep.statuses["seed=1"] == status.read_recorded(config.job.folder) == ended


def test_the_status_of_a_folder_that_is_at_work_is_left_to_that_process(
    sweep: Sweep, finished: Path
) -> None:
    config = make_config(sweep.folder, "seed=1", finished)
    (config.job.folder / ".hydra").mkdir(parents=True)
    running = Status("running", process=1)
    status.write(config.job.folder, running)
    with file_lock.lock_run(config.job.folder):
        assert record_end(sweep, config, 2, "another process is at work").state == "failed"
        assert status.read_recorded(config.job.folder) == running


def test_a_status_that_cannot_be_written_is_reported(sweep: Sweep, finished: Path) -> None:
    (sweep.folder / "seed=1").touch()
    blocked = make_config(sweep.folder, "seed=1", finished)
    assert record_end(sweep, blocked, 1, "no folder").why == "no folder"


def test_the_order_of_overrides_does_not_change_the_job(tmp_path: Path) -> None:
    one = jobs.make_job(tmp_path, ["seed=0", "freeze=conv1", "epochs=1"], ["epochs=1"])
    other = jobs.make_job(tmp_path, ["epochs=1", "freeze=conv1", "seed=0"], ["epochs=1"])
    assert one.name == other.name == "freeze=conv1+seed=0"


@pytest.mark.slow
def test_a_process_that_died_between_jobs_is_replaced() -> None:
    worker = WorkerHandle()
    first = worker._start_if_needed()
    first.kill()
    first.wait()
    second = worker._start_if_needed()
    assert second.pid != first.pid
    assert second.poll() is None
    worker.close()
    worker.close()


@pytest.mark.slow
def test_jobs_with_another_device_have_another_process(tmp_path: Path) -> None:
    worker, pids = WorkerHandle(), []
    for target in ("cpu", "cpu", "auto"):
        config = OmegaConf.create({"device": {"target": target}})
        code, why = worker.train(tmp_path / "job", config, [])
        assert code == 1, why  # it is no whole configuration
        pids.append(worker._start_if_needed().pid)
    worker.close()
    assert pids[0] == pids[1] != pids[2]


def test_jobs_start_with_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MS_COMPILER_CACHE_ENABLE", "0")
    monkeypatch.delenv("GLOG_v", raising=False)
    with device.restore_environment():
        device.prepare(Device(target="cpu"))
        assert jobs.job_environment()["GLOG_v"] == "3"
    assert "GLOG_v" not in jobs.job_environment()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-m", "seed=0,1", "hydra/launcher=basic"], "no hydra/launcher named basic"),
        (["-m", "seed=0,1", "hydra/sweeper=basic"], "no hydra/sweeper named basic"),
        (["-m", "seed=0,1", "hydra.sweep.dir=file"], "hydra.sweep.dir: expected a folder to write"),
        (["hydra.mode=MULTIRUN"], "expected -m for a sweep"),
    ],
)
def test_launchers_that_would_hide_failures_are_refused(
    command: Command, words: list[str], message: str
) -> None:
    (command.folder / "file").touch()
    ended = command.train(*words)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_a_comparison_in_a_file_is_a_configuration_error(command: Command) -> None:
    (command.folder / "file").touch()
    ended = command.compare("freeze=conv1", "compare.dir=file")
    assert ended.code == 2
    assert "compare.dir: expected a folder to write in, received file" in ended.err


def test_trials_of_a_search_are_counted_over_the_whole_search(
    sweep: Sweep, job_config: JobConfig, caplog: pytest.LogCaptureFixture
) -> None:
    sweep.trials = 4, 20
    with caplog.at_level("INFO"):
        JobQueue([job_config], sweep).record_end(job_config, 0, "", 1.0)
    assert "[ 5/20] seed=0  done" in caplog.text
