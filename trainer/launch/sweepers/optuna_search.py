"""OptunaSweeper: Optuna chooses the settings of a sweep's jobs, and resumes from its database."""

import logging
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from pydantic import Field

from trainer.artifacts import run_result, status
from trainer.config import evaluation, hydra_plugins, plugin_options, sweep_overrides
from trainer.config.evaluation import ACCURACY
from trainer.config.metrics import Mode
from trainer.config.plugin_options import Options
from trainer.core.errors import ConfigError, NotFinite
from trainer.launch import jobs
from trainer.launch.sweep import current_sweep
from trainer.launch.sweep_launcher import SweepLauncher, make_launcher

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution

log = logging.getLogger(__name__)


class SearchOptions(Options):
    """The keys of ``conf/hydra/sweeper/optuna.yaml``, which explains them."""

    n_trials: int = Field(20, ge=1)
    n_jobs: int = Field(1, ge=1)
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["none", "median", "halving"] = "none"
    startup_trials: int = Field(5, ge=0)
    warmup: int = Field(0, ge=0)
    seed: int = Field(0, ge=0)
    storage: str | None = None
    study: str = "trainer"


class OptunaSweeper(Sweeper):
    """Hydra's sweeper for searches."""

    __module__ = hydra_plugins.MODULE

    def __init__(self, **_arguments: Any) -> None:
        """Leave the arguments to ``setup``: Hydra would hide an error raised here."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Read the search's options, and create the launcher.

        Raises:
            ConfigError: an option is wrong, or Optuna is missing; nothing has been written.
        """
        arguments = plugin_options.plain(config.hydra.sweeper)
        self.options, problems = plugin_options.parsed(SearchOptions, arguments, "hydra.sweeper")
        if find_spec("optuna") is None:
            expected = "expected the package optuna; pip install 'freeze-trainer[search]'"
            problems.append(f"hydra/sweeper=optuna: {expected}")
        problems += self._pruner_problems(config)
        if problems:
            raise ConfigError(problems)
        self.folder = Path(str(config.hydra.sweep.dir))
        self.launcher: SweepLauncher = make_launcher(hydra_context, task_function, config)
        if not self.launcher.waits:
            expected = "expected true with a search, which depends on the results, received false"
            raise ConfigError([f"hydra.launcher.wait: {expected}"])
        self.monitor = str(config.evaluation.monitor)

    def _pruner_problems(self, config: DictConfig) -> list[str]:
        """Return why trials cannot be pruned where they run."""
        if self.options.pruner == "none":
            return []
        key, problems = f"hydra.sweeper.pruner={self.options.pruner}", []
        launcher = str(config.hydra.launcher._target_).rpartition(".")[2]
        if launcher != "LocalLauncher":  # a file of SQLite is not safe to write from several nodes
            expected = "expected hydra/launcher=local or joblib, whose jobs reach the database"
            problems.append(f"{key}: {expected}, received {launcher}")
        if str(config.distributed.launcher) != "none":
            received = f"received distributed.launcher={config.distributed.launcher}"
            problems.append(f"{key}: expected distributed=none, {received}")
        return problems

    def sweep(self, arguments: list[str]) -> None:
        """Train the settings that Optuna chooses, until there are enough trials.

        Trials that failed, or that an earlier, killed call had begun, are repeated first.

        Raises:
            ConfigError: no value can be chosen, or the database holds a search over other values.
        """
        sweep = current_sweep()
        sweep.folder = self.folder
        with sweep.locked():
            self._search(arguments)

    def _search(self, arguments: Sequence[str]) -> None:
        space, fixed = search_space(arguments)
        study = self._study(space)
        _enqueue_incomplete(study)
        earlier = ended = _count_ended(study)
        while ended < self.options.n_trials:
            count = min(self.options.n_jobs, self.options.n_trials - ended)
            trials = [study.ask(dict(space)) for _ in range(count)]
            job_overrides = [[*fixed, *(f"{k}={v}" for k, v in t.params.items())] for t in trials]
            current_sweep().trials = ended, self.options.n_trials
            current_sweep().trial_infos = [self._trial_info(trial) for trial in trials]
            job_returns = self.launcher.launch(job_overrides, ended)
            for trial, job_return in zip(trials, job_returns, strict=True):
                _report_result(study, trial, job_return, prunes=self.options.pruner != "none")
            ended += len(trials)
        if any(trial.state.name == "COMPLETE" for trial in study.trials):
            best = " ".join(f"{key}={value}" for key, value in study.best_params.items())
            result = f"{self.monitor} {study.best_value:.4g}"
            log.info("best of %d, %d of them before: %s", ended, earlier, result)
            log.info("best settings: %s", best)

    def _trial_info(self, trial: "Trial") -> dict[str, Any]:
        """Return what a trial's job needs to ask the pruner; nothing without one."""
        if self.options.pruner == "none":
            return {}
        return {
            "storage": self._storage(),
            "study": self.options.study,
            "trial": trial._trial_id,
            "pruner": self.options.pruner,
            "startup_trials": self.options.startup_trials,
            "warmup": self.options.warmup,
        }

    def _storage(self) -> str:
        return self.options.storage or f"sqlite:///{(self.folder / 'optuna.db').resolve()}"

    def _study(self, space: Mapping[str, "BaseDistribution"]) -> "Study":
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        folder, database = self.folder, self.folder / "optuna.db"
        if self.options.storage is None and (folder / jobs.RECORD).exists() > database.exists():
            raise ConfigError([f"hydra.sweep.dir: {folder} holds another sweep; use a new folder"])
        study = optuna.create_study(
            study_name=self.options.study,
            storage=self._storage(),
            direction=_DIRECTIONS[evaluation.mode(self.monitor)],
            load_if_exists=True,
        )
        self._check_objective(study)
        for trial in study.trials:
            if dict(trial.distributions) != dict(space) and trial.distributions:
                problem = f"hydra.sweep.dir: {folder} holds a search over other values"
                raise ConfigError([f"{problem}; use a new folder"])
        samplers = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
        # With the same seed, a resumed search would draw the same settings again.
        study.sampler = samplers[self.options.sampler](seed=self.options.seed + len(study.trials))
        return study

    def _check_objective(self, study: "Study") -> None:
        """Note what a search optimises, or compare it with what it has optimised before.

        Raises:
            ConfigError: it is another value.
        """
        direction = _DIRECTIONS[evaluation.mode(self.monitor)].upper()
        before = study.user_attrs.get(_MONITOR, ACCURACY if study.trials else self.monitor)
        if before != self.monitor or study.direction.name != direction:
            expected = f"expected {before} ({study.direction.name.lower()}), which it optimises"
            problem = f"evaluation.monitor: {self.folder} holds a search: {expected}"
            raise ConfigError([f"{problem}, received {self.monitor}; use a new folder"])
        study.set_user_attr(_MONITOR, self.monitor)


_DIRECTIONS: dict[Mode, Literal["minimize", "maximize"]] = {"min": "minimize", "max": "maximize"}
_MONITOR = "monitor"  # a key among the study's own attributes


def search_space(arguments: Sequence[str]) -> tuple[dict[str, "BaseDistribution"], list[str]]:
    """Return the distributions of the values to choose, by key, and the other overrides.

    Raises:
        ConfigError: there are no values to choose from, or Optuna cannot choose from them.
    """
    parsed = OverridesParser.create().parse_overrides(list(arguments))
    space = {o.get_key_element(): _distribution(o) for o in parsed if o.is_sweep_override()}
    if not space:
        example = "'optimizer.lr=tag(log,interval(0.001,0.1))'"
        raise ConfigError(
            [f"sweep: expected values to choose from, received none; for example {example}"]
        )
    return space, sweep_overrides.fixed(arguments)


def _distribution(override: Override) -> "BaseDistribution":
    from optuna import distributions as d

    value: Any = override.value()
    if isinstance(value, IntervalSweep):
        logarithmic = "log" in value.tags
        if isinstance(value.start, int) and isinstance(value.end, int):
            return d.IntDistribution(value.start, value.end, log=logarithmic)
        return d.FloatDistribution(float(value.start or 0), float(value.end or 0), log=logarithmic)
    if isinstance(value, RangeSweep | ChoiceSweep):
        return d.CategoricalDistribution(list(override.sweep_string_iterator()))
    raise ConfigError(
        [f"{override.input_line}: expected choice, range or interval, received another sweep"]
    )


def _count_ended(study: "Study") -> int:
    return sum(trial.state.name in ("COMPLETE", "PRUNED") for trial in study.trials)


def _enqueue_incomplete(study: "Study") -> None:
    """Enqueue the trials that are not complete, each set of settings once."""
    import optuna

    ended = ("COMPLETE", "PRUNED")
    complete = [trial.params for trial in study.trials if trial.state.name in ended]
    waiting = [t.system_attrs["fixed_params"] for t in study.trials if t.state.name == "WAITING"]
    for trial in study.trials:
        if trial.state.name == "RUNNING":
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if trial.state.name in ("RUNNING", "FAIL") and trial.params not in [*complete, *waiting]:
            study.enqueue_trial(trial.params, skip_if_exists=False)
            waiting.append(trial.params)


def _report_result(study: "Study", trial: "Trial", job_return: JobReturn, prunes: bool) -> None:
    """Tell the search how a trial has ended; one whose loss is not finite is not repeated."""
    import optuna

    folder = Path(str(job_return.working_dir))
    result, job_status = run_result.read(folder), status.read(folder)
    diverged = prunes and job_status is not None and job_status.code == NotFinite.code
    if diverged or (result is not None and result.ended == "pruned"):
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    elif job_return.status == JobStatus.COMPLETED and job_return.return_value is not None:
        study.tell(trial, float(job_return.return_value))
    else:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
