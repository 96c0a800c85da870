import math

from trainer.core import atomic_files
from trainer.engine.history import History
from trainer.engine.progress import Progress
from trainer.engine.run_length import RunLength


def filled() -> History:
    history = History()
    history.add(Progress(0, 3), {"validation_loss": 0.9, "accuracy": 0.5})
    history.add(Progress(1), {"validation_loss": math.nan})
    history.add(Progress(2), {"validation_loss": 0.5, "accuracy": 0.75})
    return history


def test_a_history_is_the_same_after_a_checkpoint() -> None:
    rows = atomic_files.plain(filled().as_json())
    again = History.from_json(rows, lambda progress: True)
    assert repr(again.as_json()) == repr(filled().as_json())
    assert again.series("accuracy") == [(Progress(0, 3), 0.5), (Progress(2), 0.75)]


def test_an_evaluation_at_the_same_progress_replaces_the_former() -> None:
    history = filled()
    history.add(Progress(2, loss=7.0), {"validation_loss": 0.25})
    assert [value for _, value in history.series("validation_loss")][2:] == [0.25]
    assert [each.steps for each in history.within(0)] == [3]


def test_what_only_ended_a_shorter_run_is_left_out_of_a_longer_one() -> None:
    length = RunLength(10, 5, every_epochs=2)
    again = History.from_json(filled().as_json(), length.evaluates_at)
    assert [each.key for each in again._measurements.values()] == [(2, 0)]
