"""Where a run is among phases of which a rule chooses the next."""

from collections.abc import Sequence

from trainer.engine.adaptive_place import AdaptivePlace, updates_from_json
from trainer.engine.history import History
from trainer.engine.phase_place import starts_from_json
from trainer.engine.progress import Progress
from trainer.engine.run_length import RunLength
from trainer.freezing.plan import Plan
from trainer.metrics.monitor import Monitor
from trainer.phases.adaptive import Choice, StageUpdate
from trainer.phases.phase import Phase

LENGTH = RunLength(9, 10)
PHASES = [Phase(name, Plan(())) for name in ("all", "front1", "front2", "front3")]


class OneMore:
    """Freezes one stage more whenever it is asked, and notes what it was given."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, list[int]]] = []

    def __call__(self, index: int, last: int, updates: Sequence[StageUpdate]) -> Choice | None:
        self.seen.append((index, last, [update.epochs for update in updates]))
        return Choice(index + 1, "settled") if index < last else None


def place(
    rule: OneMore | None = None, accuracies: Sequence[float] = (), max_drop: float | None = None
) -> AdaptivePlace:
    monitor = Monitor("accuracy", "max")
    run = AdaptivePlace(PHASES, LENGTH, History(), rule or OneMore(), monitor, max_drop)
    for epoch, value in enumerate(accuracies, 1):
        measure(run, epoch, value)
    return run


def measure(run: AdaptivePlace, epoch: int, accuracy: float) -> None:
    run._history.add(Progress(epoch), {"accuracy": accuracy})
    run.add_update(StageUpdate(epoch, (1.0,) * 4, 1.0))


def go_on(run: AdaptivePlace, epochs: int) -> str:
    """Begin the phase that is chosen after some epochs; return why."""
    reason = run.next_reason(Progress(epochs))
    run.advance(Progress(epochs), reason)
    return reason


def test_a_phase_begins_at_the_end_of_an_epoch_only() -> None:
    run = place()
    assert not run.next_reason(Progress())
    assert not run.next_reason(Progress(2, 5))
    assert run.next_reason(Progress(2)) == "settled"
    assert go_on(run, 2) == "settled"
    assert run.phase.name == "front1"
    assert not run.next_reason(Progress(2)), "it has just begun"
    assert not run.ends_within(Progress(3, 5))


def test_a_drop_after_a_freeze_undoes_it() -> None:
    run = place(accuracies=(0.8, 0.9, 0.95, 0.7), max_drop=0.1)
    go_on(run, 3)
    assert run.protected == [(3, 0)]
    assert "accuracy worsened by 0.25 within 1 evaluation" in go_on(run, 4)
    assert (run.phase.name, run.start.start_from, run.undone) == ("all", "undo", Progress(3))
    assert run.protected == [(3, 0)], "a run that resumes within the next epoch started with it"
    measure(run, 5, 0.9)
    assert run.protected == []


def test_a_drop_that_is_allowed_or_comes_late_does_not() -> None:
    small = place(accuracies=(0.8, 0.9, 0.95, 0.9), max_drop=0.1)
    go_on(small, 3)
    assert small.next_reason(Progress(4)) == "settled"
    late = place(accuracies=(0.9, 0.9, 0.9, 0.9, 0.1), max_drop=0.1)
    go_on(late, 2)
    assert late.protected == [], "two evaluations after the freeze it can no longer be undone"
    assert late.next_reason(Progress(5)) == "settled"


def test_without_max_drop_nothing_is_undone() -> None:
    run = place(accuracies=(0.8, 0.9, 0.95, 0.1))
    go_on(run, 3)
    assert run.protected == []
    assert run.next_reason(Progress(4)) == "settled"


def test_what_was_undone_is_not_tried_again_and_its_epochs_do_not_count() -> None:
    rule = OneMore()
    run = place(rule, max_drop=0.1)
    for epoch, value in enumerate((0.9, 0.9, 0.9, 0.1), 1):
        measure(run, epoch, value)
        if epoch > 1:
            go_on(run, epoch)
    measure(run, 5, 0.9)
    measure(run, 6, 0.9)
    assert run.phase.name == "front1"
    assert not run.next_reason(Progress(6))
    assert rule.seen[-1] == (1, 1, [5, 6])


def test_early_stopping_ends_the_run_in_any_phase() -> None:
    run = AdaptivePlace(
        PHASES, LENGTH, History(), OneMore(), Monitor(), stopping=lambda since: f"since {since}"
    )
    assert run.ends_run(Progress(1))
    assert run.improvement_reason() == "since (0, 0)"


def test_a_checkpoint_brings_it_back() -> None:
    run = place(accuracies=(0.8, 0.9, 0.95, 0.7), max_drop=0.1)
    go_on(run, 3)
    record = run.as_json()
    assert record["protected"] == [(3, 0)]
    again = place(accuracies=(0.8, 0.9, 0.95, 0.7), max_drop=0.1)
    again.starts, again.updates = starts_from_json(record), updates_from_json(record)
    assert again.updates == run.updates
    assert again.next_reason(Progress(4)) == run.next_reason(Progress(4))
