"""Results of jobs, as the jobs and Slurm report them."""

from pathlib import Path

import pytest

from trainer.launch.jobs import Job
from trainer.launch.results.job_results import JobResult, _with_slurm_state, format_ms
from trainer.launch.slurm.queue import FORGOTTEN, SlurmState

JOB = Job("a", Path("a"), (), ())


@pytest.mark.parametrize(
    ("written", "slurm", "state"),
    [
        ("pending", "FAILED", "failed"),
        ("running", "NODE_FAIL", "failed"),
        ("running", "CANCELLED", "failed"),
        ("running", "RUNNING", "running"),
        ("failed", "PENDING", "pending"),
        ("running", FORGOTTEN, "running"),
        ("stopped", "TIMEOUT", "stopped"),
        ("done", "NODE_FAIL", "done"),
    ],
)
def test_slurm_completes_the_state_of_jobs_that_wrote_none(
    written: str, slurm: str, state: str
) -> None:
    assert _with_slurm_state(JobResult(JOB, written), SlurmState(slurm)).state == state


def test_a_step_time_has_three_digits() -> None:
    assert [format_ms(value) for value in (7.038, 128.4, 999.6, 1764.2, 25_049.0)] == [
        "7.04",
        "128",
        "1,000",
        "1,760",
        "25,000",
    ]
