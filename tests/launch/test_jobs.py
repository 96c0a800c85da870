"""The record of a sweep's jobs."""

from pathlib import Path

from trainer.launch import jobs


def test_blank_lines_in_the_record_change_nothing(tmp_path: Path) -> None:
    fixed = ["epochs=1"]
    sweep_jobs = [jobs.make_job(tmp_path, [f"seed={n}", *fixed], fixed) for n in range(3)]
    jobs.record_jobs(tmp_path, sweep_jobs, fixed)
    record = tmp_path / jobs.RECORD
    record.write_text(record.read_text().replace("\n", "\n\n"))
    assert jobs.read_jobs(tmp_path) == sweep_jobs
