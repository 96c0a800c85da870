"""Jobs of a sweep that share a process and its graph each follow their own schedule."""

import pytest

from tests.support.command import Command

SCHEDULE = ["schedule=custom", "schedule._target_=tests.support.schedules.linear"]


@pytest.mark.slow
def test_a_job_ends_as_if_it_ran_alone(command: Command) -> None:
    lines = ["freeze=conv1", "epochs=1", *SCHEDULE]
    sweep = command.train("-m", *lines, "seed=0,1", "hydra.sweep.dir=sweep")
    assert sweep.code == 0, sweep.err
    for seed in (0, 1):
        alone = command.train(*lines, f"seed={seed}", f"hydra.run.dir=alone{seed}")
        assert alone.code == 0, alone.err
        name = "model.safetensors"
        shared = (command.folder / "sweep" / f"seed={seed}" / name).read_bytes()
        assert shared == (command.folder / f"alone{seed}" / name).read_bytes()
