"""Sweeps on a real Slurm, disturbed in every way it offers: they end with the same bits.

All jobs are started at once, and checked when they have ended: most of the time is waiting.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT, Ended, start, until
from tests.support.sandbox import call, epochs, restarts, same_weights, sandbox
from trainer.artifacts import status
from trainer.core.run_files import OUTPUT
from trainer.launch.slurm import queue, submit
from trainer.launch.slurm.queue import SlurmState

pytestmark = pytest.mark.slurm

RUN = [
    "freeze=conv1",
    "epochs=10",
    "device.threads=free",
    "dataset._target_=tests.support.slow.digits",
]
SLURM = ["hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1"]
SLURM += ["hydra.launcher.poll_seconds=1"]
ON_N1 = "+hydra.launcher.sbatch.nodelist=n1"
MIXED = ["-m", *RUN, *SLURM, ON_N1, "hydra.sweep.dir=mixed", "+dataset.seconds=0.05,0.06,-1"]
REQUEUED, KILLED, FAILED = (f"+dataset.seconds={value}" for value in ("0.05", "0.06", "-1"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for runs, and a Slurm to run them."""
    with sandbox():
        yield tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def limited(place: Path) -> tuple[Path, str, Ended]:
    """A run that needs longer than a minute, which is its limit; the command does not wait."""
    limit = ["hydra.launcher.minutes=1", "hydra.launcher.signal_seconds=10"]
    words = [
        "+dataset.seconds=0.28",
        "hydra.launcher.wait=false",
        *limit,
        "hydra.sweep.dir=limited",
    ]
    ended = _end(start(place, "trainer", "-m", *RUN, *SLURM, ON_N1, *words, "seed=0"))
    ((name, number),) = submit.read_job_ids(place / "limited").items()
    until(lambda: queue.job_states([number])[number].name == "RUNNING", "the limited run begins")
    ended = replace(ended, out=ended.out + look(place / "limited"))
    return place / "limited" / name, number, ended


@pytest.fixture(scope="module")
def array(place: Path) -> tuple[Path, str]:
    """Three runs by scripts/slurm.sbatch: one preempted, one told to save, one cancelled."""
    line = " ".join([*RUN, "+dataset.seconds=0.1"])
    (place / "jobs.txt").write_text(f"{line}\n" * 3)
    options = ["--array=0-2", "--mem=1G", "--cpus-per-task=1", "--nodelist=n2", "--parsable"]
    sbatch = ["env", f"PYTHON={sys.executable}", f"PYTHONPATH={CHECKOUT}", "sbatch", *options]
    number = call(
        *sbatch, CHECKOUT / "scripts/slurm.sbatch", "jobs.txt", "array", cwd=place
    ).strip()
    return place / "array", number


@pytest.fixture(scope="module")
def reference(place: Path) -> Path:
    """A run that nothing disturbs."""
    ended = _end(start(place, "trainer", *RUN, "+dataset.seconds=0", "hydra.run.dir=reference"))
    assert ended.code == 0, ended.err
    return place / "reference"


@pytest.fixture(scope="module")
def mixed(
    place: Path, limited: object, array: tuple[Path, str], reference: Path
) -> tuple[Ended, dict[str, tuple[str, SlurmState]]]:
    """A sweep: one job requeued, one killed, one that fails. And the Slurm state of each."""
    sweep = start(place, "trainer", *MIXED)
    runs, number = array
    until(lambda: epochs(runs / "1") >= 2, "the job that is told to save trains")
    call("scancel", "--signal=USR1", f"{number}_1")
    until(lambda: epochs(runs / "2") >= 2, "the job to cancel trains")
    call("scancel", f"{number}_2")
    until(lambda: epochs(runs / "0") >= 2, "the job to preempt trains")
    until(lambda: restarts(f"{number}_1"), "the job that saves is requeued")
    high = ["--partition=high", "--nodelist=n2", "--exclusive", "--wrap=sleep 1"]
    call("sbatch", "--output=/dev/null", *high)
    until(lambda: epochs(place / "mixed" / REQUEUED) >= 2, "the job to requeue trains")
    call("scontrol", "requeue", submit.read_job_ids(place / "mixed")[REQUEUED])
    until(lambda: epochs(place / "mixed" / KILLED) >= 5, "the job to kill trains")
    at_work = status.read(place / "mixed" / KILLED)
    assert at_work is not None
    os.kill(at_work.process, signal.SIGKILL)
    ended = _end(sweep)
    numbers = submit.read_job_ids(place / "mixed")
    states = queue.job_states(numbers.values())
    return ended, {name: (number, states[number]) for name, number in numbers.items()}


def look(sweep: Path) -> str:
    """Return the output of trainer.sweep."""
    return _end(start(sweep.parent, "trainer.sweep", sweep.name)).out


def _end(process: "subprocess.Popen[str]") -> Ended:
    out, err = process.communicate(timeout=200)
    return Ended(process.returncode, out, err)


def test_slurm_records_how_a_job_truly_ended(
    mixed: tuple[Ended, dict[str, tuple[str, SlurmState]]],
) -> None:
    states = {name: state for name, (_, state) in mixed[1].items()}
    assert (states[REQUEUED].name, states[REQUEUED].code) == ("COMPLETED", 0)
    assert (states[KILLED].name, states[KILLED].code) == ("FAILED", 137)
    assert (states[FAILED].name, states[FAILED].code) == ("FAILED", 2)


def test_the_command_names_what_failed_and_why(
    mixed: tuple[Ended, dict[str, tuple[str, SlurmState]]],
) -> None:
    ended = mixed[0]
    assert ended.code == 7
    assert "2 of 3 jobs did not finish" in ended.err
    assert re.search(rf"{re.escape(KILLED)}: .*SIGKILL", ended.err)
    assert re.search(rf"{re.escape(FAILED)}: .*\(exit code 2\)", ended.err)


def test_a_requeued_job_ends_with_the_same_bits(
    mixed: tuple[Ended, dict[str, tuple[str, SlurmState]]], place: Path, reference: Path
) -> None:
    assert restarts(mixed[1][REQUEUED][0]) == 1
    assert same_weights(place / "mixed" / REQUEUED, reference)


def test_the_same_command_does_only_what_is_missing(
    mixed: tuple[Ended, dict[str, tuple[str, SlurmState]]], place: Path, reference: Path
) -> None:
    again = _end(start(place, "trainer", *MIXED))
    assert again.code == 7
    assert "1 of 3 jobs done already" in again.out
    submitted = re.findall(r"(\S+)  submitted as job", again.out)
    assert sorted(submitted) == sorted([KILLED, FAILED])
    assert same_weights(place / "mixed" / KILLED, reference)


def test_a_preempted_job_ends_with_the_same_bits(
    mixed: object, array: tuple[Path, str], reference: Path, place: Path
) -> None:
    runs, number = array
    jobs = [f"{number}_{index}" for index in (0, 1)]
    until(lambda: all(state.is_over for state in queue.job_states(jobs).values()), "the array ends")
    assert [queue.job_states(jobs)[job].name for job in jobs] == ["COMPLETED"] * 2
    assert "DUE TO PREEMPTION" in (place / f"slurm-{number}_0.out").read_text()
    assert same_weights(runs / "0", reference)


def test_a_job_told_to_save_is_requeued(
    mixed: object, array: tuple[Path, str], reference: Path, place: Path
) -> None:
    runs, number = array
    until(lambda: queue.job_states([f"{number}_1"])[f"{number}_1"].is_over, "the job ends")
    assert "requeued: restart 1 of at most 20" in (place / f"slurm-{number}_1.out").read_text()
    assert same_weights(runs / "1", reference)


def test_a_cancelled_job_is_not_requeued(mixed: object, array: tuple[Path, str]) -> None:
    runs, number = array
    assert queue.job_states([f"{number}_2"])[f"{number}_2"].name == "CANCELLED"
    assert epochs(runs / "2") < 10


def test_a_command_that_does_not_wait_says_how_to_look(limited: tuple[Path, str, Ended]) -> None:
    ended = limited[2]
    assert ended.code == 0, ended.err
    assert "python -m trainer.sweep limited" in ended.out
    assert re.search(r"seed=0 .* running", ended.out.replace("(all jobs)", "seed=0"))


def test_a_run_goes_on_after_its_time_limit(
    mixed: object, limited: tuple[Path, str, Ended], reference: Path
) -> None:
    run, number, _ = limited
    until(lambda: queue.job_states([number])[number].is_over, "the limited run ends", 400)
    assert queue.job_states([number])[number].name == "COMPLETED", (run / OUTPUT).read_text()
    assert restarts(number) >= 1
    assert same_weights(run, reference)


def test_a_search_waits_for_its_results(place: Path) -> None:
    pytest.importorskip("optuna", reason="needs the extra search")
    words = ["hydra/sweeper=optuna", "optimizer.lr=interval(0,1)", "hydra.launcher.wait=false"]
    ended = _end(start(place, "trainer", "-m", *SLURM, *words, "hydra.sweep.dir=search"))
    assert ended.code == 2
    assert "hydra.launcher.wait: expected true with a search" in ended.err
    assert not (place / "search").exists()
