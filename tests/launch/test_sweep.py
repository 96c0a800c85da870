import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

from tests.support.command import Command, Ended, trained
from tests.support.sweeps import run_sweep
from trainer.artifacts import costs, status

NAMES = ["freeze=conv1+seed=0", "freeze=conv1+seed=1", "freeze=null+seed=0", "freeze=null+seed=1"]
# The interpolation is the same in all jobs: it is in no job's name, and in no row.
OVERRIDES = ["freeze=conv1,null", "seed=range(2)", "epochs=1", "dataset.batch_size=${batch_size}"]


@pytest.fixture(scope="module")
def finished_sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """The folder of a sweep of four small jobs, and how its command ended."""
    folder = tmp_path_factory.mktemp("a sweep")
    return folder, run_sweep(folder, *OVERRIDES)


@pytest.fixture
def sweep(finished_sweep: tuple[Path, Ended], command: Command) -> Path:
    """A copy of the sweep, in the folder of the commands."""
    return Path(shutil.copytree(finished_sweep[0] / "sweep", command.folder / "sweep"))


def test_each_job_has_a_folder_named_by_what_differs(finished_sweep: tuple[Path, Ended]) -> None:
    folder, ended = finished_sweep
    assert ended.code == 0, ended.err
    assert sorted(path.parent.name for path in folder.glob("sweep/*/proof.json")) == NAMES
    config = (folder / "sweep" / NAMES[0] / ".hydra/config.yaml").read_text()
    assert "freeze: conv1" in config
    assert "epochs: 1" in config


def test_the_command_prints_each_job_and_then_the_table(finished_sweep: tuple[Path, Ended]) -> None:
    lines = finished_sweep[1].out.splitlines()
    assert lines[0] == "sweep: 4 jobs in sweep"
    assert lines[4].startswith("[4/4] freeze=null+seed=1  done")
    assert lines[5].split()[:3] == ["setting", "jobs", "validation_loss"]
    assert {line.split()[0] for line in lines[6:8]} == {"freeze=conv1", "freeze=null"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_job_has_the_bits_of_a_run_of_its_own(
    finished_sweep: tuple[Path, Ended], tmp_path: Path, name: str
) -> None:
    run = trained(tmp_path, *name.split("+"), "epochs=1")
    job = finished_sweep[0] / "sweep" / name
    for file in ("model.safetensors", "plan.json", "proof.json", "snapshots/epoch_001.json"):
        assert (run / file).read_bytes() == (job / file).read_bytes(), file


def test_jobs_with_different_seeds_are_compiled_once(
    finished_sweep: tuple[Path, Ended],
) -> None:
    run_costs = [costs.read(finished_sweep[0] / "sweep" / name / "costs.json") for name in NAMES]
    compiled = [cost.compile_seconds is not None for cost in run_costs if cost]
    assert compiled == [True, False, True, False]


@pytest.mark.slow
def test_the_same_command_leaves_finished_jobs_unchanged(sweep: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in sweep.glob("*/manifest.json")}
    shutil.rmtree(sweep / NAMES[3])
    ended = run_sweep(sweep.parent, *OVERRIDES)
    assert ended.code == 0, ended.err
    assert "3 of 4 jobs done already" in ended.out
    assert (sweep / NAMES[3] / "model.safetensors").exists()
    del before[sweep / NAMES[3] / "manifest.json"]
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())


@pytest.mark.slow
def test_seeds_may_be_added_but_another_sweep_is_refused(sweep: Path, command: Command) -> None:
    flags = ("-m", "hydra.sweep.dir=sweep", "freeze=conv1,null")
    again = command.train(*flags, "seed=range(2)", "epochs=2")
    assert again.code == 2
    assert "holds another sweep: expected overrides [" in again.err
    assert "'epochs=1'], received ['epochs=2']" in again.err
    other = command.train(*flags, "optimizer.lr=0.1,0.2", *OVERRIDES[2:])
    assert other.code == 2
    assert "expected values of freeze, seed, received some of freeze, optimizer.lr" in other.err
    assert sorted(path.parent.name for path in sweep.glob("*/proof.json")) == NAMES


def test_the_table_shows_mean_spread_drift_time_and_memory(sweep: Path, command: Command) -> None:
    ended = command.sweep("sweep")
    assert ended.code == 0, ended.err
    head, *rows = ended.out.splitlines()
    assert head.split("  ")[0] == "setting"
    frozen = next(row for row in rows if row.startswith("freeze=conv1"))
    assert "%" in frozen
    assert " to " in frozen
    assert frozen.endswith("2 done")
    assert "none frozen" in next(row for row in rows if row.startswith("freeze=null"))


def test_csv_and_json_hold_one_row_per_job(sweep: Path, command: Command) -> None:
    command.sweep("sweep")
    with (sweep / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["job"] for row in rows] == NAMES
    assert [row["seed"] for row in rows] == ["0", "1", "0", "1"]
    last = json.loads((sweep / NAMES[0] / "metrics.jsonl").read_text().splitlines()[-1])
    assert float(rows[0]["accuracy"]) == last["accuracy"]
    assert float(rows[0]["drift"]) == 0
    record = json.loads((sweep / "sweep.json").read_text())
    frozen = next(s for s in record["settings"] if s["setting"] == "freeze=conv1")
    accuracies = [float(row["accuracy"]) for row in rows[:2]]
    assert frozen["accuracy"]["mean"] == pytest.approx(np.mean(accuracies))
    assert frozen["accuracy"]["standard_deviation"] == pytest.approx(np.std(accuracies, ddof=1))
    assert len(record["jobs"]) == 4


def test_the_plot_is_not_empty(sweep: Path, command: Command) -> None:
    command.sweep("sweep")
    pixels = image.imread(sweep / "sweep.png")
    assert pixels.shape[1] > 1000
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 50


def test_a_job_that_failed_or_was_killed_is_reported_once(sweep: Path, command: Command) -> None:
    shutil.rmtree(sweep / NAMES[0])
    status.write(sweep / NAMES[1], status.Status("failed", 4, "expected a finite loss"))
    status.write(sweep / NAMES[2], status.Status("running", process=1))
    ended = command.sweep("sweep")
    assert ended.code == 7
    assert "1 pending, 1 failed" in ended.out
    assert f"{NAMES[1]}: expected a finite loss (exit code 4)" in ended.err
    assert f"{NAMES[2]}: it was killed, or its machine went down" in ended.err
    assert "2 of 4 jobs failed" in ended.err
    assert (ended.out + ended.err).count("expected a finite loss") == 1


def test_a_folder_that_holds_no_sweep_is_a_configuration_error(command: Command) -> None:
    ended = command.sweep("nowhere")
    assert ended.code == 2
    assert "nowhere: expected the folder of a sweep, received one without jobs.json" in ended.err
    assert command.sweep().code == 2
    assert "python -m trainer.sweep FOLDER" in command.sweep("--help").out
