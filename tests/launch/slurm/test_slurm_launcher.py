"""What the command says that leaves its jobs to Slurm; ``test_sweep_on_slurm`` has some."""

import pytest

from trainer.launch.slurm.slurm_launcher import _stop_message


@pytest.mark.parametrize(
    ("going", "told"),
    [
        (["17_0", "18"], "stopped, but not the jobs: LOOK looks, scancel 17_0 18 ends them"),
        ([], "stopped, and the jobs were over already: LOOK looks"),
    ],
)
def test_a_stop_names_the_jobs_that_go_on(going: list[str], told: str) -> None:
    assert _stop_message("stopped", "LOOK", going) == told
