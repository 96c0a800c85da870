"""Tasks of a Slurm step, which the variables of srun make them."""

import signal
from pathlib import Path

import pytest

from tests.support.jobs import Job
from tests.support.sandbox import STEP, set_step
from trainer.distributed import rendezvous
from trainer.distributed.rendezvous import RendezvousInfo

LINES = ("distributed=slurm", "freeze=conv1", "epochs=2")


def tasks(folder: Path, *lines: str, **more: str) -> list[Job]:
    port = f"distributed.port={rendezvous.free_port()}"
    return [
        Job(folder, *lines, port, environment={**STEP, **more, "SLURM_PROCID": rank})
        for rank in ("0", "1")
    ]


@pytest.mark.slow
def test_tasks_of_a_step_agree_on_folder_stop_and_end(tmp_path: Path) -> None:
    both = tasks(tmp_path, *LINES)
    both[0].wait_for("epoch   0")
    both[1].process.send_signal(signal.SIGTERM)  # that one alone
    assert [job.wait() for job in both] == [75, 0], both[0].output + both[1].output
    run, *others = tmp_path.glob("outputs/*/*")
    assert not others
    assert (run / "ranks/1.log").is_file()
    assert "epoch" not in both[1].output
    both = tasks(tmp_path, f"resume={run}", SLURM_RESTART_COUNT="1")
    assert [job.wait() for job in both] == [0, 0], both[0].output + both[1].output
    assert "resume     after epoch 0" in both[0].output
    assert "epoch   2" in both[0].output


def test_the_rendezvous_is_read_from_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    set_step(monkeypatch, {**STEP, "SLURM_PROCID": "1", "SLURM_LOCALID": "3"})
    info = rendezvous.from_slurm(18118)
    assert info == RendezvousInfo(1, 2, 3, "127.0.0.1", 18118)
    assert rendezvous.problems({"distributed": {"launcher": "slurm"}, "batch_size": 32}) == []
    problems = rendezvous.problems({"distributed": {"launcher": "slurm"}, "batch_size": 33})
    assert len(problems) == 1
    monkeypatch.delenv("SLURM_STEP_ID")  # a batch script, without srun
    problems = rendezvous.problems({"distributed": {"launcher": "slurm"}, "batch_size": 32})
    assert "found no SLURM_STEP_ID" in problems[0]


def test_ports_differ_by_job_step_and_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [{}, {"SLURM_JOB_ID": "4712"}, {"SLURM_STEP_ID": "1"}, {"SLURM_RESTART_COUNT": "1"}]
    ports = set()
    for more in numbers:
        set_step(monkeypatch, {**STEP, "SLURM_PROCID": "0", **more})
        ports.add(rendezvous.from_slurm().port)
    assert len(ports) == 4
    assert all(20_000 <= port < 32_000 for port in ports)
