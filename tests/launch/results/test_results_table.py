"""The table of a sweep on the screen."""

from pathlib import Path

from trainer.launch.jobs import Job
from trainer.launch.results.job_results import JobResult
from trainer.launch.results.results_table import format_table


def results(count: int) -> list[JobResult]:
    """Jobs with another learning rate each, the later the better."""
    names = [f"optimizer.lr={number}" for number in range(count)]
    jobs = [Job(name, Path(name), (name,), (name,)) for name in names]
    return [JobResult(job, "done", accuracy=n / count) for n, job in enumerate(jobs)]


def test_the_table_of_a_large_sweep_fits_a_screen() -> None:
    lines = format_table(results(300)).splitlines()
    assert len(lines) == 22
    assert lines[1].startswith("optimizer.lr=299 "), "the best first"
    assert lines[-1] == "and 280 more settings: sweep.csv has every job"


def test_a_small_table_is_whole() -> None:
    assert len(format_table(results(20)).splitlines()) == 21
