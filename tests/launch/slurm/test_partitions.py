"""Requests against a cluster's resources; only the last cluster is a real one."""

import os
import sys
from collections.abc import Iterator

import pytest

from tests.support.command import Command
from tests.support.sandbox import sandbox
from trainer.launch.slurm import queue
from trainer.launch.slurm.partitions import Partition, ResourceRequest, request_problems

SMALL = Partition(nodes=2, cpus=4, mem_gb=10, minutes=60, gres={"npu": 8, "npu:910b": 8})
KNOWN = {"low": SMALL, "": SMALL, "*": SMALL, "long": Partition(8, 64, 500, float("inf"))}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with sandbox():
        yield


def problems(**values: object) -> list[str]:
    return request_problems(ResourceRequest(**values), KNOWN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"partition": "long", "minutes": 99_999, "cpus_per_task": 64, "nodes": 8},
        {"partition": "low,long"},
        {"gres": "npu:8"},
        {"gres": "npu:910b:8"},
        {"gres": "npu"},
        {"mem_gb": None},
    ],
)
def test_a_request_that_fits_has_no_problem(values: dict[str, object]) -> None:
    assert problems(**values) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"partition": "lwo"},
            "partition: expected a partition of this cluster, received lwo (near",
        ),
        ({"nodes": 3}, "nodes: expected at most 2, the nodes of the default partition, received 3"),
        ({"tasks_per_node": 3}, "cpus_per_task: expected at most 4"),
        ({"mem_gb": 11}, "mem_gb: expected at most 10"),
        ({"minutes": 61}, "minutes: expected at most 60"),
        ({"gres": "npu:9"}, "gres: expected at most npu:8"),
        ({"gres": "npi:1"}, "received npi (nearest: npu"),
        ({"partition": "long", "gres": "npu:1"}, "received npu"),
        ({"minutes": 2}, "signal_seconds: expected less than the 2 minutes of a job"),
    ],
)
def test_a_request_that_does_not_fit_is_reported(values: dict[str, object], message: str) -> None:
    (problem,) = problems(**values)
    assert message in problem
    assert problem.startswith("hydra.launcher.")


def test_all_problems_are_reported_at_once() -> None:
    assert len(problems(partition="lwo", mem_gb=600, nodes=9, gres="npu:9")) == 4


@pytest.mark.slurm
@pytest.mark.usefixtures("cluster")
class TestOnSlurm:
    """Nothing is submitted, and nothing is written."""

    def refused(self, command: Command, *words: str) -> str:
        ended = command.train("-m", "hydra/launcher=slurm", *words)
        assert (ended.code, command.left()) == (2, []), ended.err
        return ended.err

    def test_all_errors_are_reported_at_once(self, command: Command) -> None:
        words = ["partition=lwo", "mem_gb=100000", "minutes=0", "gres=npu:9"]
        said = self.refused(command, *(f"hydra.launcher.{word}" for word in words))
        assert "4 configuration errors:" in said
        assert "received lwo (nearest: low)" in said
        assert "minutes: expected at least 1, received 0" in said

    def test_a_key_that_is_not_known(self, command: Command) -> None:
        assert "hydra.launcher.cpus" in self.refused(command, "hydra.launcher.cpus=2")
        said = self.refused(command, "+hydra.launcher.cpus_per_tsk=2")
        assert "cpus_per_tsk: unknown key (nearest: cpus_per_task)" in said

    def test_several_tasks_without_distributed(self, command: Command) -> None:
        said = self.refused(command, "hydra.launcher.nodes=2")
        assert "expected distributed=slurm for 2 tasks" in said

    def test_slurm_itself_refuses(self, command: Command) -> None:
        ended = command.train("-m", "hydra/launcher=slurm", "+hydra.launcher.sbatch.nodelist=n7")
        assert ended.code == 2
        assert "Slurm refuses the jobs: sbatch: error: " in ended.err

    def test_the_largest_array_is_that_of_the_cluster(self) -> None:
        assert queue.max_array_size() == 1001  # Slurm's default

    def test_without_submitit(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "submitit", None)
        assert "pip install 'freeze-trainer[slurm]'" in self.refused(command)

    def test_without_slurm(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/usr/local/bin")
        assert "there is no sbatch in PATH" in self.refused(command)

    def test_a_slurm_that_does_not_answer(
        self, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SLURM_CONF", os.devnull)
        assert "expected Slurm to respond; sinfo: " in self.refused(command)
