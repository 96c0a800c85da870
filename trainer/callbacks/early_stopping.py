"""Early stopping: why a run ends before its time, from the history of its evaluations alone."""

from trainer.config.evaluation import EarlyStopping as Settings
from trainer.core.text import quantity
from trainer.engine.history import History
from trainer.metrics.monitor import Monitor, best_of, without_improvement


class EarlyStopping:
    """Tells whether the monitored value no longer improves.

    It keeps no count of its own: a resumed run has the same history, and ends at the same moment.

    Args:
        settings: how long to wait for an improvement, and how large it has to be.
        monitor: what is monitored.
        history: of the run.
    """

    def __init__(self, settings: Settings, monitor: Monitor, history: History) -> None:
        self._settings = settings
        self._monitor = monitor
        self._history = history

    def reason(self, since: tuple[int, int] = (0, 0)) -> str:
        """Return why training ends here; empty: continue.

        Args:
            since: epochs and steps after which evaluations count.
        """
        patience = self._settings.patience
        if patience is None:
            return ""
        every = self._history.series(self._monitor.name)
        series = [(p, value) for p, value in every if (p.epochs, p.steps) > since]
        values = [value for _, value in series]
        count = without_improvement(values, self._monitor, self._settings.min_delta)
        if count < patience:
            return ""
        best = best_of({(p.epochs, p.steps): value for p, value in series}, self._monitor)
        known = "" if best is None else f"; the best is that of {_place(*best)}"
        delta, evaluations = self._settings.min_delta, quantity(count, "evaluation")
        by = f" by more than {delta:g}" if delta else ""
        return f"stopped early: {self._monitor.name} has not improved{by} in {evaluations}{known}"


def _place(epochs: int, steps: int) -> str:
    return f"epoch {epochs + 1}, step {steps}" if steps else f"epoch {epochs}"
