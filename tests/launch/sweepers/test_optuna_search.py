from pathlib import Path

import pytest

from tests.support.command import Command, until
from tests.support.sweeps import run_sweep, start_sweep
from trainer.artifacts import run_result, status
from trainer.core.errors import ConfigError
from trainer.launch import jobs
from trainer.launch.sweepers.optuna_search import search_space

optuna = pytest.importorskip("optuna", reason="needs the extra search")

SEARCH = ("hydra/sweeper=optuna", "optimizer.lr=tag(log,interval(0.001,0.1))", "epochs=1")


def trials(folder: Path) -> list[str]:
    """Return the states of the trials in a search's database."""
    study = optuna.load_study(study_name="trainer", storage=f"sqlite:///{folder}/sweep/optuna.db")
    return [trial.state.name for trial in study.trials]


@pytest.mark.slow
def test_a_search_optimises_the_monitor_and_resumes_from_its_database(
    tmp_path: Path, command: Command
) -> None:
    first = run_sweep(tmp_path, *SEARCH, "hydra.sweeper.n_trials=2")
    assert first.code == 0, first.err
    assert trials(tmp_path) == ["COMPLETE"] * 2
    again = run_sweep(tmp_path, *SEARCH, "hydra.sweeper.n_trials=3")
    assert again.code == 0, again.err
    assert "best of 3, 2 of them before" in again.out
    assert trials(tmp_path) == ["COMPLETE"] * 3
    searched = jobs.read_jobs(tmp_path / "sweep")
    assert len({job.name for job in searched}) == 3, "it does not draw the same again"
    best = min(jobs.objective(job.folder) or 9 for job in searched)
    assert f": validation_loss {best:.4g}" in again.out
    other_value = "evaluation.monitor=accuracy", "hydra.sweep.dir=sweep"
    monitored = command.train("-m", *SEARCH, *other_value)
    assert monitored.code == 2
    assert "expected validation_loss (minimize), which it optimises" in monitored.err
    words = (SEARCH[0], "optimizer.lr=interval(0.5,0.6)", "epochs=1", "hydra.sweep.dir=sweep")
    other = command.train("-m", *words)
    assert other.code == 2
    assert "holds a search over other values" in other.err


@pytest.mark.slow
def test_a_killed_or_failed_trial_is_repeated(tmp_path: Path) -> None:
    overrides = (
        "hydra/sweeper=optuna",
        "optimizer.lr=choice(0.01,0.02)",
        "hydra.sweeper.n_trials=1",
    )
    with start_sweep(tmp_path, *overrides, "epochs=400", "snapshot.keep=last") as process:
        until(lambda: any(tmp_path.glob("sweep/*/metrics.jsonl")), "the trial trains")
        process.kill()
        process.communicate()
    assert trials(tmp_path) == ["RUNNING"]
    (job,) = jobs.read_jobs(tmp_path / "sweep")
    with start_sweep(tmp_path, *overrides, "epochs=400", "snapshot.keep=last") as process:
        until(lambda: trials(tmp_path) == ["FAIL", "RUNNING"], "the trial is repeated")
        process.kill()
        process.communicate()
    assert [other.name for other in jobs.read_jobs(tmp_path / "sweep")] == [job.name]


@pytest.mark.slow
def test_a_failed_trial_is_reported_and_the_others_run(tmp_path: Path) -> None:
    overrides = ("hydra/sweeper=optuna", "optimizer.lr=choice(1e30)", "epochs=1")
    ended = run_sweep(
        tmp_path, *overrides, "hydra.sweeper.n_trials=2", "hydra.sweeper.sampler=random"
    )
    assert ended.code == 7
    assert "expected a finite loss" in ended.err
    assert trials(tmp_path) == ["FAIL", "FAIL"]


@pytest.mark.slow
def test_a_bad_trial_ends_early_and_says_so(tmp_path: Path) -> None:
    ended = run_sweep(
        tmp_path, "hydra/sweeper=optuna", "optimizer.lr=choice(0.05,0.03,0.02,0.000001)",
        "epochs=3",
        "limit_train_batches=6", "hydra.sweeper.pruner=median", "hydra.sweeper.startup_trials=1",
        "hydra.sweeper.sampler=random", "hydra.sweeper.n_trials=9", "hydra.sweeper.seed=1",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    searched = jobs.read_jobs(tmp_path / "sweep")
    pruned = [job for job in searched if "e-06" in job.name]
    results = [run_result.read(job.folder) for job in pruned]
    assert [result.ended for result in results if result] == ["pruned"]
    assert "PRUNED" in trials(tmp_path)
    state = status.read(pruned[0].folder)
    assert state is not None
    assert (state.state, state.code) == ("done", 0)
    assert state.why.startswith("pruned by the search: validation_loss of evaluation 1")
    assert jobs.is_finished(pruned[0].folder)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["hydra.sweeper.n_trials=0", "seed=1,2"], "hydra.sweeper.n_trials: expected at least 1"),
        (["hydra.sweeper.sampler=best", "seed=1,2"], "expected 'tpe' or 'random', received 'best'"),
        (["seed=1"], "sweep: expected values to choose from, received none"),
        (
            ["hydra.sweeper.pruner=median", "hydra/launcher=slurm", "seed=1,2"],
            "expected hydra/launcher=local or joblib, whose jobs reach the database",
        ),
        (
            ["hydra.sweeper.pruner=median", "distributed=msrun", "seed=1,2"],
            "hydra.sweeper.pruner=median: expected distributed=none, received",
        ),
        (["hydra.sweeper.pruner=best", "seed=1,2"], "hydra.sweeper.pruner: expected"),
    ],
)
def test_an_impossible_search_is_one_message(
    command: Command, overrides: list[str], message: str
) -> None:
    ended = command.train("-m", "hydra/sweeper=optuna", *overrides)
    assert ended.code == 2
    assert message in ended.err
    assert not list(command.folder.rglob("proof.json"))


def test_overrides_become_distributions() -> None:
    space, fixed = search_space(
        ["a=int(interval(1,3))", "b=interval(0.5,1)", "c=x,y", "d=range(1,4)", "e=7", "+f=1"]
    )
    assert space["a"] == optuna.distributions.IntDistribution(1, 3)
    assert space["b"] == optuna.distributions.FloatDistribution(0.5, 1)
    assert space["c"] == optuna.distributions.CategoricalDistribution(["x", "y"])
    assert space["d"] == optuna.distributions.CategoricalDistribution(["1", "2", "3"])
    assert fixed == ["e=7", "+f=1"]
    with pytest.raises(ConfigError, match="expected choice, range or interval"):
        search_space(["a=glob(*)"])
