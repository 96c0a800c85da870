"""Phase place: where a run is among its phases, and when one ends. No MindSpore.

It is a function of the history and of where the phases began, both of which stand in each
checkpoint, so that a resumed run ends a phase where it would have.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from trainer.core.text import quantity
from trainer.engine.history import History
from trainer.engine.progress import Progress
from trainer.engine.run_length import RunLength
from trainer.metrics.monitor import Monitor, without_improvement
from trainer.phases.phase import Phase, StartFrom

# Returns why the run no longer improves since a moment (epochs, steps); empty: it does.
Stopping: TypeAlias = Callable[[tuple[int, int]], str]


@dataclass(frozen=True)
class PhaseStart:
    """Where a phase began.

    Attributes:
        index: of the phase in the run's list.
        name: of the phase; empty: the run has no phases.
        start_from: the weights that it started with: the last ones, the best so far, or those from
            before a freeze that is undone.
        epochs: number of complete epochs then.
        steps: optimizer steps of the epoch that had begun.
        updates: of the whole run before it, on which schedules depend.
        reason: why the phase before ended; empty: there was none.
    """

    index: int = 0
    name: str = ""
    start_from: StartFrom = "last"
    epochs: int = 0
    steps: int = 0
    updates: int = 0
    reason: str = ""

    @property
    def moment(self) -> tuple[int, int]:
        """When it began."""
        return self.epochs, self.steps


class PhasePlace:
    """Where a run is among its phases.

    Args:
        phases: of the run, at least one.
        length: of the run.
        history: of the run.
        starts: of the phases that have begun, for a run that resumes; none: it starts.
        stopping: early stopping, which ends a phase; in the last one, the run.
    """

    def __init__(
        self,
        phases: Sequence[Phase],
        length: RunLength,
        history: History,
        starts: Iterable[PhaseStart] = (),
        stopping: Stopping = lambda since: "",
    ) -> None:
        self.phases = tuple(phases)
        self.starts = list(starts) or [PhaseStart(0, phases[0].name)]
        self._length = length
        self._history = history
        self._stopping = stopping
        self._known: tuple[int, str] = (-1, "")

    @property
    def start(self) -> PhaseStart:
        """Where the present phase began."""
        return self.starts[-1]

    @property
    def phase(self) -> Phase:
        """The present phase."""
        return self.phases[self.start.index]

    @property
    def is_last(self) -> bool:
        """Whether no phase follows the present one."""
        return self.start.index == len(self.phases) - 1

    @property
    def recorded(self) -> PhaseStart | None:
        """The start of the present phase as records have it; None: the run has no phases."""
        return self.start if len(self.phases) > 1 else None

    def next_reason(self, progress: Progress) -> str:
        """Return why another phase begins at a progress; empty: none does.

        After the last step of an epoch, from which a run may resume, the epoch is to end first.
        """
        if self.is_last or progress.steps >= self._length.steps_per_epoch:
            return ""
        return self.end_reason(progress)

    @property
    def stopping_since(self) -> tuple[int, int]:
        """The moment after which evaluations count for early stopping."""
        return self.start.moment

    def end_reason(self, progress: Progress) -> str:
        """Return why the present phase ends at a progress; empty: it continues."""
        limit = self.phase.end.steps
        steps = self._length.steps_at(progress) - self._length.steps_at(
            Progress(*self.start.moment)
        )
        if limit is not None and steps >= limit:
            return quantity(steps, "step")
        return self.improvement_reason()

    def improvement_reason(self) -> str:
        """Return which value no longer improves in the present phase; empty: none ends it."""
        count = self._history.count
        if self._known[0] != count:  # nothing else changes the reason
            self._known = count, self._unimproved() or self._stopping(self.stopping_since)
        return self._known[1]

    def ends_run(self, progress: Progress) -> bool:
        """Tell whether the run is over because its last phase is."""
        return self.is_last and bool(self.end_reason(progress))

    def ends_within(self, progress: Progress) -> bool:
        """Tell whether another phase begins after these steps of an epoch that is not complete."""
        is_within = 0 < progress.steps < self._length.steps_per_epoch
        return is_within and bool(self.next_reason(progress))

    def advance(self, progress: Progress, reason: str) -> None:
        """Begin the next phase at a progress; ``reason``: why the present one ends."""
        self._begin(self.start.index + 1, progress, reason)

    def _begin(
        self, index: int, progress: Progress, reason: str, start_from: StartFrom | None = None
    ) -> None:
        phase, updates = self.phases[index], progress.updates(self._length.steps_per_epoch)
        how, moment = start_from or phase.start_from, (progress.epochs, progress.steps, updates)
        self.starts.append(PhaseStart(index, phase.name, how, *moment, reason))
        self._known = (-1, "")

    def trained_in(self, epoch: int) -> frozenset[str]:
        """Return the names of what trained in any phase of an epoch, counted from 1."""
        names: set[str] = set()
        ends = [start.moment for start in self.starts[1:]] + [(epoch, 0)]
        for start, end in zip(self.starts, ends, strict=True):
            if start.moment < (epoch, 0) and end > (epoch - 1, 0):
                plan = self.phases[start.index].plan
                names.update(p.name for p in plan.parameters if p.state != "frozen")
        return frozenset(names)

    def as_json(self) -> dict[str, Any]:
        """Return what a run that resumes needs to be at the same place, as plain data."""
        record: dict[str, Any] = {"begun": [asdict(start) for start in self.starts]}
        return {**record, "protected": self.protected} if self.protected else record

    @property
    def protected(self) -> list[tuple[int, int]]:
        """The moments, epochs and steps, whose checkpoints a later phase may need."""
        return []

    @property
    def undone(self) -> Progress | None:
        """The moment to whose weights the run returns in this phase; None: to none."""
        return None

    def _unimproved(self) -> str:
        """Return that the value that the phase monitors no longer improves; empty: it does."""
        end = self.phase.end
        if end.monitor is None:
            return ""
        monitor, series = Monitor.of(end.monitor), self._history.series(end.monitor)
        values = [value for p, value in series if (p.epochs, p.steps) > self.start.moment]
        count = without_improvement(values, monitor, end.min_delta)
        if count < end.patience:
            return ""
        return f"{monitor.name} has not improved in {quantity(count, 'evaluation')}"


def starts_from_json(record: Mapping[str, Any]) -> list[PhaseStart]:
    """Return the starts that a checkpoint holds."""
    return [PhaseStart(**row) for row in record.get("begun", ())]
