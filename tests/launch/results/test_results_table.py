"""The table of a sweep, on the screen and in its files."""

import json
from pathlib import Path

from trainer.launch.jobs import Job
from trainer.launch.results.job_results import JobResult
from trainer.launch.results.results_table import format_table, write


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


def job(name: str, *overrides: str) -> Job:
    return Job(name, Path(name), overrides, overrides)


def test_without_accuracies_the_lowest_loss_is_first_and_no_result_last() -> None:
    losses = {"high": 2.0, "none": None, "low": 0.5, "middle": 1.0}
    jobs = [JobResult(job(name, name), "done", validation_loss=x) for name, x in losses.items()]
    rows = format_table(jobs).splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["low", "middle", "high", "none"]


def test_equal_accuracies_are_ordered_by_loss() -> None:
    jobs = [
        JobResult(job(name, name), "done", accuracy=0.5, validation_loss=loss)
        for name, loss in (("worse", 2.0), ("better", 1.0))
    ]
    assert format_table(jobs).splitlines()[1].startswith("better ")


def test_figures_of_jobs_that_are_not_done_do_not_count(tmp_path: Path) -> None:
    """A job that failed in its second epoch has the figures of its first."""
    figures = [("done", 0.5), ("done", 0.7), ("failed", 0.9), ("stopped", 0.1), ("running", 0.2)]
    jobs = [
        JobResult(
            job(f"seed={seed}", "freeze=conv1", f"seed={seed}"),
            state,
            accuracy=value,
            validation_loss=value,
            drift=value,
            step_ms=value,
            compile_s=value,
            memory_mb=1000 * value,
        )
        for seed, (state, value) in enumerate(figures)
    ]
    head, row = format_table(jobs).splitlines()
    assert row.startswith("freeze=conv1")
    assert "5 60.0 % 50.0 % to 70.0 % 0.7 0.6 0.7 700" in " ".join(row.split()), head
    assert row.endswith("2 done, 1 failed, 1 stopped, 1 running")
    write(tmp_path, jobs)
    (setting,) = json.loads((tmp_path / "sweep.json").read_text())["settings"]
    for figure in ("accuracy", "validation_loss"):
        assert setting[figure]["mean"] == 0.6
        assert (setting[figure]["lowest"], setting[figure]["highest"]) == (0.5, 0.7)


def test_a_small_table_is_whole() -> None:
    assert len(format_table(results(20)).splitlines()) == 21


def test_the_best_is_compared_with_the_others_seed_by_seed() -> None:
    values = {("conv1", 0): 0.80, ("conv1", 1): 0.90, ("conv2", 0): 0.79, ("conv2", 1): 0.88}
    jobs = [
        JobResult(job(f"{cell}{seed}", f"freeze={cell}", f"seed={seed}"), "done", accuracy=value)
        for (cell, seed), value in values.items()
    ]
    lines = format_table(jobs).splitlines()
    assert lines[-2].startswith("freeze=conv1 exceeds, by the mean over common seeds (95 %")
    assert lines[-1] == "  freeze=conv2: 1.50 % (-4.85 to 7.85, 2 seeds)"


def test_without_common_seeds_nothing_is_compared() -> None:
    jobs = [JobResult(job(n, f"freeze={n}"), "done", accuracy=0.5) for n in ("conv1", "conv2")]
    assert len(format_table(jobs).splitlines()) == 3
