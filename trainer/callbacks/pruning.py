"""Pruning: ends a trial of a search whose values are worse than those of the others.

A trial reports each monitored value to the search's database, and asks its pruner there. Optuna's
median pruner compares the best value so far, so that it would never prune a trial for a value that
is not finite after a good one. Here it is pruned.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from trainer.engine.callback import Callback, EpochResult, RunInfo
from trainer.engine.history import History
from trainer.engine.progress import Progress
from trainer.metrics.evaluator import Score
from trainer.metrics.monitor import Monitor

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.pruners import BasePruner

Pruner: TypeAlias = Literal["median", "halving"]


@dataclass(frozen=True)
class TrialInfo:
    """A trial in the database of its search.

    Attributes:
        storage: SQLAlchemy URL of the database.
        study: name of the search.
        trial: the trial's key in the database.
        pruner: decides which trials are pruned.
        startup_trials: number of trials to be complete before one is pruned by the median.
        warmup: the first evaluation at which a trial may be pruned, counted from 1.
    """

    storage: str
    study: str
    trial: int
    pruner: Pruner
    startup_trials: int
    warmup: int

    def load(self) -> "Trial":
        """Return the trial, which asks the pruner."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.load_study(
            study_name=self.study, storage=self.storage, pruner=self._make_pruner()
        )
        return optuna.trial.Trial(study, self.trial)

    def _make_pruner(self) -> "BasePruner":
        from optuna import pruners

        if self.pruner == "halving":
            return pruners.SuccessiveHalvingPruner(min_resource=max(self.warmup, 1))
        return pruners.MedianPruner(self.startup_trials, self.warmup)


class Pruning(Callback):
    """Reports the values of a trial, and tells whether it is to end.

    Args:
        info: the trial.
        monitor: the value that the search optimises.
        history: of the run; it is recorded before this callback is called.

    Attributes:
        reason: why the trial ends here; empty: it continues.
    """

    def __init__(self, info: TrialInfo, monitor: Monitor, history: History) -> None:
        self._info = info
        self._monitor = monitor
        self._history = history
        self._reported = 0
        self.reason = ""

    def on_run_start(self, run: RunInfo) -> None:
        """Report what a resumed run had measured before, perhaps as another trial."""
        self._trial = self._info.load()
        self._report()

    def on_evaluation(self, progress: Progress, score: Score, ema: Score | None = None) -> None:
        """Report the value."""
        self._report()

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Report the value, if there is one."""
        self._report()

    def _report(self) -> None:
        """Report the values that are new, and ask the pruner after each."""
        series = self._history.series(self._monitor.name)
        for number, (_, value) in enumerate(series, 1):
            if number > self._reported and not self.reason:
                self._reported = number
                self.reason = self._reason(number, value)

    def _reason(self, number: int, value: float) -> str:
        """Report a value; return why the trial ends with it."""
        what = f"pruned by the search: {self._monitor.name} of evaluation {number}, {value:.4g},"
        if not math.isfinite(value):
            return f"{what} is not finite"
        self._trial.report(value, number)
        if self._trial.should_prune():
            return f"{what} is worse than that of other trials ({self._info.pruner})"
        return ""
