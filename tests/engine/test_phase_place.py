"""Where a run is among its phases."""

import pytest

from trainer.engine.history import History
from trainer.engine.phase_place import PhasePlace, PhaseStart, starts_from_json
from trainer.engine.progress import Progress
from trainer.engine.run_length import RunLength
from trainer.freezing.plan import ParameterPlan, Plan
from trainer.phases.phase import Phase, PhaseEnd

LENGTH = RunLength(6, 10)


def plan(*trained: str) -> Plan:
    states = {name: "trainable" if name in trained else "frozen" for name in ("a", "b", "c")}
    return Plan(tuple(ParameterPlan(name, (1,), 4, state) for name, state in states.items()))


HEAD, TOP, ALL = plan("c"), plan("b", "c"), plan("a", "b", "c")


def place(*ends: PhaseEnd, history: History | None = None) -> PhasePlace:
    plans = [HEAD, TOP, ALL]
    phases = [Phase(f"phase{n}", plans[n], end) for n, end in enumerate(ends)]
    return PhasePlace(phases, LENGTH, history or History())


def test_a_phase_ends_after_its_steps_also_within_an_epoch() -> None:
    run = place(PhaseEnd(15), PhaseEnd(5), PhaseEnd())
    assert not run.end_reason(Progress(1, 4))
    assert run.end_reason(Progress(1, 5)) == "15 steps"
    assert run.ends_within(Progress(1, 5))
    run.advance(Progress(1, 5), "15 steps")
    assert run.phase.name == "phase1"
    assert not run.end_reason(Progress(1, 9))
    assert run.end_reason(Progress(2)) == "5 steps"
    assert not run.ends_within(Progress(2)), "at the end of an epoch it does not end within one"
    run.advance(Progress(2), "5 steps")
    assert run.is_last
    assert not run.ends_run(Progress(5, 9))


def test_an_epoch_whose_last_step_is_done_ends_before_its_phase() -> None:
    run = place(PhaseEnd(10), PhaseEnd(5), PhaseEnd())
    assert not run.next_reason(Progress(0, 10)), "a run that resumes here has its end still to come"
    assert run.next_reason(Progress(1))


def test_only_evaluations_of_the_phase_count_for_its_patience() -> None:
    history = History()
    for epoch, value in enumerate((0.1, 0.5, 0.4, 0.45), 1):
        history.add(Progress(epoch), {"validation_loss": value})
    end = PhaseEnd(50, "validation_loss", patience=1)
    run = place(PhaseEnd(10), end, PhaseEnd(), history=history)
    run.advance(Progress(1), "10 steps")
    assert run.end_reason(Progress(4)) == "validation_loss has not improved in 1 evaluation"
    history.add(Progress(5), {"validation_loss": 0.3})
    assert not run.end_reason(Progress(5)), "0.3 is the best of the phase, although not of the run"


@pytest.mark.parametrize(("min_delta", "ends"), [(0.0, False), (0.2, True)])
def test_an_improvement_has_to_be_large_enough(min_delta: float, ends: bool) -> None:
    history = History()
    for epoch, value in enumerate((0.5, 0.4, 0.35), 1):
        history.add(Progress(epoch), {"validation_loss": value})
    end = PhaseEnd(60, "validation_loss", 2, min_delta)
    assert bool(place(end, PhaseEnd(), history=history).end_reason(Progress(3))) == ends


def test_early_stopping_ends_a_phase_and_in_the_last_one_the_run() -> None:
    asked, history = list[tuple[int, int]](), History()

    def stopping(since: tuple[int, int]) -> str:
        asked.append(since)
        return "stopped early"

    phases = [Phase("one", HEAD, PhaseEnd(30)), Phase("two", ALL)]
    run = PhasePlace(phases, LENGTH, history, stopping=stopping)
    assert run.end_reason(Progress(2)) == "stopped early"
    assert not run.ends_run(Progress(2))
    run.advance(Progress(2), "stopped early")
    assert run.ends_run(Progress(3))
    assert asked == [(0, 0), (2, 0)]


def test_what_trained_in_an_epoch_trained_in_any_of_its_phases() -> None:
    run = place(PhaseEnd(12), PhaseEnd(5), PhaseEnd())
    assert run.trained_in(1) == {"c"}
    run.advance(Progress(1, 2), "12 steps")
    assert run.trained_in(2) == {"b", "c"}
    run.advance(Progress(1, 7), "5 steps")
    assert run.trained_in(2) == run.trained_in(3) == {"a", "b", "c"}


def test_a_phase_that_ended_with_an_epoch_does_not_train_in_the_next() -> None:
    phases = [Phase("all", ALL, PhaseEnd(10)), Phase("head", HEAD)]
    run = PhasePlace(phases, LENGTH, History())
    run.advance(Progress(1), "10 steps")
    assert run.trained_in(2) == {"c"}
    assert run.trained_in(1) == {"a", "b", "c"}


def test_a_checkpoint_brings_the_place_back() -> None:
    run = place(PhaseEnd(15), PhaseEnd(5), PhaseEnd())
    run.advance(Progress(1, 5, skipped=2), "15 steps")
    starts = starts_from_json(run.as_json())
    assert starts[-1] == PhaseStart(1, "phase1", "last", 1, 5, 13, "15 steps")
    again = PhasePlace(run.phases, LENGTH, History(), starts)
    assert (again.phase, again.starts) == (run.phase, run.starts)
