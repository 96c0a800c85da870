"""One model on two nodes of a real Slurm, preempted meanwhile: it ends with the same bits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Ended, start, until
from tests.support.sandbox import STEP, call, epochs, restarts, same_weights, sandbox, set_step
from trainer.core.run_files import OUTPUT
from trainer.distributed import rendezvous
from trainer.launch.slurm import queue, submit

pytestmark = pytest.mark.slurm

RUN = ["freeze=conv1", "epochs=5", "distributed=slurm", "device.threads=free"]
SLURM = ["hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1"]
SLURM += ["hydra.launcher.poll_seconds=1", "hydra.launcher.nodes=2"]
SLURM += ["hydra.launcher.array_parallelism=1"]
SLOW = [
    "dataset._target_=tests.support.slow.digits",
    "+dataset.seconds=0,0.1",
]  # the second is preempted
WHOLE, PREEMPTED = (f"+dataset.seconds={value}" for value in ("0", "0.1"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for runs, and a Slurm to run them."""
    with sandbox():
        yield tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def ended(place: Path) -> Ended:
    """A sweep of two jobs of two nodes, one after the other; the second is preempted."""
    sweep = start(place, "trainer", "-m", *RUN, *SLURM, *SLOW, "hydra.sweep.dir=runs")
    runs = place / "runs"
    until(lambda: epochs(runs / PREEMPTED) >= 2, "the job to preempt trains")
    high = ["--partition=high", "--nodelist=n1", "--exclusive", "--wrap=sleep 1"]
    call("sbatch", "--output=/dev/null", *high)
    out, err = sweep.communicate(timeout=200)
    return Ended(sweep.returncode, out, err)


def test_both_jobs_end_well(ended: Ended, place: Path) -> None:
    assert ended.code == 0, ended.err + ended.out
    numbers = submit.read_job_ids(place / "runs")
    assert {state.name for state in queue.job_states(numbers.values()).values()} == {"COMPLETED"}


def test_two_ranks_trained(ended: Ended, place: Path) -> None:
    assert "ranks      2: 16 of each batch of 32" in (place / "runs" / WHOLE / OUTPUT).read_text()


def test_a_preempted_job_of_two_nodes_ends_with_the_same_bits(ended: Ended, place: Path) -> None:
    assert restarts(submit.read_job_ids(place / "runs")[PREEMPTED]) >= 1
    assert same_weights(place / "runs" / PREEMPTED, place / "runs" / WHOLE)


def test_ranks_meet_at_the_first_node_of_a_list(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = "127.0.0.[9-10],127.0.0.77"
    set_step(monkeypatch, {**STEP, "SLURM_PROCID": "0", "SLURM_STEP_NODELIST": nodes})
    assert rendezvous.from_slurm().host == "127.0.0.9"
