"""Adaptive place: where a run is among phases of which a rule chooses the next. No MindSpore."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from trainer.core.text import quantity
from trainer.engine.history import History
from trainer.engine.phase_place import PhasePlace, PhaseStart, Stopping
from trainer.engine.progress import Progress
from trainer.engine.run_length import RunLength
from trainer.metrics.monitor import Monitor
from trainer.phases.adaptive import Choice, PhaseRule, StageUpdate
from trainer.phases.phase import Phase


class AdaptivePlace(PhasePlace):
    """Where a run is among phases of which each freezes more; decided at the ends of epochs.

    Args:
        phases: of the run.
        length: of the run.
        history: of the run.
        rule: chooses the next phase.
        monitor: the value that must not worsen after a freeze.
        max_drop: by how much it may; None: by any amount.
        undo_within: evaluations after a freeze in which it is undone if it does.
        starts: see ``PhasePlace``.
        updates: of the epochs so far, for a run that resumes.
        stopping: ends the run.
    """

    def __init__(
        self,
        phases: Sequence[Phase],
        length: RunLength,
        history: History,
        rule: PhaseRule,
        monitor: Monitor,
        max_drop: float | None = None,
        undo_within: int = 2,
        starts: Iterable[PhaseStart] = (),
        updates: Iterable[StageUpdate] = (),
        stopping: Stopping = lambda since: "",
    ) -> None:
        super().__init__(phases, length, history, starts, stopping)
        self.updates = list(updates)
        self._rule = rule
        self._monitor = monitor
        self._max_drop = max_drop
        self._undo_within = undo_within

    @property
    def is_last(self) -> bool:
        """True: what ends the phase for want of improvement ends the run."""
        return True

    def next_reason(self, progress: Progress) -> str:
        """Return why another phase begins here; empty: none does."""
        choice = self._choice(progress)
        return choice.reason if choice else ""

    @property
    def stopping_since(self) -> tuple[int, int]:
        """The start of the run: its phases are no ends for early stopping."""
        return 0, 0

    def advance(self, progress: Progress, reason: str) -> None:
        """Continue with the phase that is chosen here; one before the present one is an undo."""
        choice = self._choice(progress)
        assert choice is not None, "a phase is left only for another one"
        undone = choice.index < self.start.index
        self._begin(choice.index, progress, choice.reason, "undo" if undone else None)

    def add_update(self, update: StageUpdate) -> None:
        """Note how far each stage moved in an epoch."""
        self.updates.append(update)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        updates = [asdict(update) for update in self.updates]
        return {**super().as_json(), "updates": updates}

    @property
    def undone(self) -> Progress | None:
        """The moment to whose weights the run returns in this phase; None: to none."""
        return Progress(*self._before.moment) if self.start.start_from == "undo" else None

    @property
    def protected(self) -> list[tuple[int, int]]:
        """The moments whose checkpoints an undo may need, or a resume in the epoch after it."""
        if self.start.start_from == "undo":
            is_over = any(update.epochs > self.start.epochs for update in self.updates)
            return [] if is_over else [self._before.moment]
        is_over = len(self._costs_since()) >= self._undo_within and self._undo() is None
        return [self.start.moment] if self._can_undo and not is_over else []

    @property
    def _can_undo(self) -> bool:
        return self._max_drop is not None and self.start.index > self._before.index

    @property
    def _before(self) -> PhaseStart:
        return self.starts[-2] if len(self.starts) > 1 else self.starts[0]

    def _choice(self, progress: Progress) -> Choice | None:
        """Return the phase that begins here, which depends on what is recorded alone."""
        if progress.steps or not progress.epochs or progress.epochs == self.start.epochs:
            return None
        return self._undo() or self._rule(self.start.index, self._limit, self._since_restored())

    @property
    def _limit(self) -> int:
        """The greatest index that may be chosen: what has been undone is not tried again."""
        pairs = zip(self.starts, self.starts[1:], strict=False)
        undone = [one.index - 1 for one, other in pairs if other.index < one.index]
        return min([len(self.phases) - 1, *undone])

    def _since_restored(self) -> list[StageUpdate]:
        restored = [start.epochs for start in self.starts if start.start_from == "undo"]
        return [update for update in self.updates if update.epochs > max(restored, default=0)]

    def _undo(self) -> Choice | None:
        """Return the phase before if the monitored value has dropped since; None: it has not."""
        if not self._can_undo or self._max_drop is None:
            return None
        before = [cost for moment, cost in self._costs() if moment <= self.start.moment]
        if not before or before[-1] is None:
            return None
        for count, cost in enumerate(self._costs_since()[: self._undo_within], 1):
            if cost is None or cost - before[-1] > self._max_drop:
                drop = "is not finite" if cost is None else f"worsened by {cost - before[-1]:.4g}"
                when = f"within {quantity(count, 'evaluation')} of the freeze"
                reason = f"{self._monitor.name} {drop} {when}: it is undone"
                return Choice(self._before.index, reason)
        return None

    def _costs(self) -> list[tuple[tuple[int, int], float | None]]:
        """Return the monitored values with their moments, as costs; None: one is not finite."""
        series = self._history.series(self._monitor.name)
        return [((p.epochs, p.steps), self._monitor.as_cost(value)) for p, value in series]

    def _costs_since(self) -> list[float | None]:
        return [cost for moment, cost in self._costs() if moment > self.start.moment]


def updates_from_json(record: Mapping[str, Any]) -> list[StageUpdate]:
    """Return the updates that a checkpoint holds."""
    rows = record.get("updates", ())
    return [StageUpdate(r["epochs"], tuple(r["norms"]), r["rate"]) for r in rows]
