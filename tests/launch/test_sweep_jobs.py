"""Jobs of a sweep that fail, are killed or stopped, and bad sweeps."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.command import Command, until
from tests.support.sweeps import run_sweep, start_sweep
from trainer.artifacts import costs, status
from trainer.launch.jobs import job_name

ENDLESS = ("seed=0,1,2", "epochs=9999", "snapshot.keep=last", "checkpoint.best=null")


def trains(run: Path) -> bool:
    return (run / "metrics.jsonl").exists()


@pytest.mark.slow
def test_a_failing_job_does_not_stop_the_others(tmp_path: Path) -> None:
    overrides = ("optimizer.lr=1e30,0.01", "epochs=1")
    for _ in range(2):  # again: only the one that failed
        ended = run_sweep(tmp_path, *overrides)
        assert ended.code == 7
        assert "1 of 2 jobs did not finish:" in ended.err
        assert "optimizer.lr=1e+30: expected a finite loss" in ended.err
        assert "(exit code 4)" in ended.err
        assert (ended.out + ended.err).count("expected a finite loss") == 1
        assert "Traceback" not in ended.err
    assert "1 of 2 jobs done already" in ended.out
    assert (tmp_path / "sweep/optimizer.lr=0.01/model.safetensors").exists()


@pytest.mark.slow
def test_a_killed_job_does_not_stop_the_others(tmp_path: Path) -> None:
    with start_sweep(tmp_path, "seed=0,1", "epochs=150", "snapshot.keep=last") as process:
        first = tmp_path / "sweep/seed=0"
        until(lambda: trains(first), "the first job trains")
        found = status.read(first)
        assert found
        assert found.state == "running"
        os.kill(found.process, signal.SIGKILL)
        until(lambda: trains(tmp_path / "sweep/seed=1"), "the second job trains")
        other = status.read(tmp_path / "sweep/seed=1")
        assert other
        os.kill(other.process, signal.SIGUSR1)  # saves, and ends
        _, err = process.communicate(timeout=120)
    assert process.returncode == 7
    assert "seed=0: its process died: killed by SIGKILL" in err
    assert "seed=1: stopped in epoch" in err
    found = status.read(first)
    assert found
    assert (found.state, found.code) == ("failed", -signal.SIGKILL)


@pytest.mark.slow
def test_a_signal_ends_a_sweep_and_all_jobs_are_saved(tmp_path: Path) -> None:
    with start_sweep(tmp_path, *ENDLESS, "hydra.launcher.n_jobs=2") as process:
        until(lambda: all(trains(tmp_path / f"sweep/seed={n}") for n in (0, 1)), "both train")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 75, err
    assert "stopped: jobs done: 0; those that had begun are saved" in err
    assert "Traceback" not in err
    assert not (tmp_path / "sweep/seed=2").exists()
    for seed in (0, 1):
        found = status.read(tmp_path / f"sweep/seed={seed}")
        assert found
        assert (found.state, found.code) == ("stopped", 75)


@pytest.mark.slow
def test_a_sweep_that_is_killed_leaves_no_job_behind(tmp_path: Path, command: Command) -> None:
    with start_sweep(tmp_path, *ENDLESS) as process:
        run = tmp_path / "sweep/seed=0"
        until(lambda: trains(run), "a job trains")
        again = command.train("-m", "hydra.sweep.dir=sweep", *ENDLESS)
        assert again.code == 2
        assert "another command is at work in sweep" in again.err
        process.kill()
        process.communicate()

    def stopped() -> bool:
        found = status.read(run)
        return found is not None and found.state == "stopped"

    until(stopped, "the job has stopped")


@pytest.mark.slow
def test_a_half_written_job_folder_is_restarted_or_named(tmp_path: Path) -> None:
    begun_only, without = tmp_path / "sweep/seed=0", tmp_path / "sweep/seed=1"
    (begun_only / ".hydra").mkdir(parents=True)
    (begun_only / ".hydra/config.yaml").write_text("epochs: ")
    (begun_only / ".metrics.jsonl.12345").write_text("{")
    (without / ".hydra").mkdir(parents=True)
    (without / "model.safetensors").write_bytes(b"somebody's")
    ended = run_sweep(tmp_path, "seed=0,1,2", "epochs=1")
    assert ended.code == 7
    assert "1 of 3 jobs did not finish:" in ended.err
    assert "seed=1: resume: expected a checkpoint in" in ended.err
    assert "(exit code 2)" in ended.err
    assert (without / "model.safetensors").read_bytes() == b"somebody's"
    for seed in (0, 2):
        assert (tmp_path / f"sweep/seed={seed}/manifest.json").exists()
    assert not (begun_only / ".metrics.jsonl.12345").exists()


OWN = """
from mindspore import Parameter, Tensor, nn, ops

class Noisy(nn.Cell):
    def __init__(self):
        super().__init__()
        self.flatten, self.dense = nn.Flatten(), nn.Dense(1024, 10)

    def construct(self, x):
        return self.dense(self.flatten(x + ops.standard_normal(x.shape)))

class Counting(nn.Cell):
    def __init__(self, **_given):
        super().__init__()
        self.calls = Parameter(Tensor(0.0), name="calls", requires_grad=False)
        self.entropy = nn.CrossEntropyLoss()

    def construct(self, output, label):
        return self.entropy(output, label) * (1 + ops.assign_add(self.calls, Tensor(1.0)))
"""
NOISY = ("model=custom", "model._target_=own.Noisy", "init_from=null", "new_head=[]")


@pytest.mark.slow
@pytest.mark.parametrize("words", [NOISY, ("loss._target_=own.Counting",)], ids=["model", "loss"])
def test_random_or_counting_models_are_compiled_per_job(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    ended = run_sweep(tmp_path, *words, "seed=0,1", "epochs=1")
    assert ended.code == 0, ended.err
    run_costs = [costs.read(tmp_path / f"sweep/seed={seed}/costs.json") for seed in (0, 1)]
    assert all(cost and cost.compile_seconds is not None for cost in run_costs)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["seed=range(0)"], "sweep: expected at least one job, received none"),
        (["optimizer.lr=interval(0,1)"], "to search it: hydra/sweeper=optuna"),
        (["seed=1,[2"], "expected KEY=VALUE"),
        (["seed=1,x"], "seed: expected a whole number, received 'x'; in jobs with seed=x"),
        (["batch_size=8,0", "epochs=1,2"], "received 0; in jobs with batch_size=0"),
        (["freeze=conv1,conv9", "seed=0,1"], "; in jobs with freeze=conv9"),
        (["seed=0,1", "hydra/launcher=locl"], "no hydra/launcher named locl (nearest: local"),
        (["seed=0,1", "hydra.sweep.subdir=a"], "hydra.sweep.subdir: expected none"),
    ],
)
def test_an_impossible_sweep_is_one_message(
    command: Command, overrides: list[str], message: str
) -> None:
    ended = command.train("-m", *overrides)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert not command.left()


def test_names_are_valid_in_a_path_and_in_an_override() -> None:
    assert job_name(["freeze=conv1", "seed=0"]) == "freeze=conv1+seed=0"
    assert job_name([]) == "all"
    odd, other = job_name(["init_from=/a b/c,d"]), job_name(["init_from=/a b/c;d"])
    assert odd.startswith("init_from=_a_b_c_d-")
    assert odd != other
    assert len(job_name([f"freeze={'x' * 500}"])) < 140
