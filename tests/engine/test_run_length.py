import pytest

from trainer.engine.progress import Progress
from trainer.engine.run_length import RunLength


@pytest.mark.parametrize(
    ("max_steps", "steps", "epochs", "last"),
    [
        (None, 15, 3, 5),
        (15, 15, 3, 5),
        (99, 15, 3, 5),
        (11, 11, 3, 1),
        (10, 10, 2, 5),
        (2, 2, 1, 2),
    ],
)
def test_a_run_ends_by_epochs_or_steps(
    max_steps: int | None, steps: int, epochs: int, last: int
) -> None:
    length = RunLength(3, 5, max_steps)
    assert (length.steps, length.epochs, length.steps_in(length.epochs)) == (steps, epochs, last)


def test_where_a_run_ends_within_an_epoch() -> None:
    length = RunLength(3, 5, 7)
    assert [length.ends_within(Progress(1, steps)) for steps in range(4)] == [0, 0, 1, 1]
    assert not any(RunLength(3, 5, 10).ends_within(Progress(1, steps)) for steps in range(6))


def test_where_a_run_is_evaluated() -> None:
    length = RunLength(5, 6, 26, every_epochs=2, every_steps=3)
    assert [epoch for epoch in range(1, 6) if length.evaluates_after(epoch)] == [2, 4, 5]
    within = [steps for steps in range(1, 7) if length.evaluates_within(Progress(0, steps))]
    assert within == [3], "the sixth is the epoch's end"
    assert not length.evaluates_at(Progress(1))
    assert length.evaluates_at(Progress(4, 2)), "the end of the run"
