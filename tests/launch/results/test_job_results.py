"""How a job stands, by its own words and by Slurm's."""

from pathlib import Path

import pytest

from trainer.launch.jobs import Job
from trainer.launch.results.job_results import JobResult, _with_slurm_state, format_ms
from trainer.launch.slurm.queue import FORGOTTEN, SlurmState

JOB = Job("a", Path("a"), (), ())


@pytest.mark.parametrize(
    ("said", "slurm", "told"),
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
def test_slurm_knows_of_jobs_that_could_not_say_how_they_ended(
    said: str, slurm: str, told: str
) -> None:
    assert _with_slurm_state(JobResult(JOB, said), SlurmState(slurm)).state == told


def test_a_step_time_has_three_digits() -> None:
    assert [format_ms(value) for value in (7.038, 128.4, 999.6, 1764.2, 25_049.0)] == [
        "7.04",
        "128",
        "1,000",
        "1,760",
        "25,000",
    ]
