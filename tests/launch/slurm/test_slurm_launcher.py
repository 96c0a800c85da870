"""The message of a command that leaves its jobs to Slurm; ``test_sweep_on_slurm`` has jobs."""

from trainer.launch.slurm.slurm_launcher import _stop_message


def test_a_stop_names_the_jobs_that_continue() -> None:
    message = _stop_message("stopped", "SHOW", ["17_0", "18"])
    assert message.startswith("stopped, but the jobs continue; ")
    assert "SHOW" in message
    assert message.endswith("scancel 17_0 18")


def test_a_stop_after_the_last_job_names_none_to_cancel() -> None:
    message = _stop_message("stopped", "SHOW", [])
    assert message.startswith("stopped after all jobs had ended; ")
    assert "SHOW" in message
    assert "scancel" not in message
