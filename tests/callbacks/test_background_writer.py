"""Files written beside the training: in order, and no more of them after one that failed."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trainer.callbacks.background_writer import Writer
from trainer.engine.callback import Epoch
from trainer.engine.progress import Progress
from trainer.freezing.plan import Plan
from trainer.metrics.evaluator import Score

EPOCH = Epoch(1, Plan(()), {}, Score(1.0, None, 1))


@pytest.fixture
def writer() -> Iterator[Writer]:
    made = Writer()
    yield made
    made.end(False)


def full() -> None:
    raise OSError("the disk is full")


def test_tasks_are_done_in_order_while_the_caller_goes_on(writer: Writer) -> None:
    done: list[int] = []
    begin = threading.Event()
    writer.give(lambda: done.append(0) if begin.wait(60) else full())
    for number in range(1, 20):
        writer.give(lambda number=number: done.append(number))  # type: ignore[misc]
    assert writer.busy
    assert done == []
    begin.set()
    writer.wait()
    assert done == list(range(20))
    assert not writer.busy


@pytest.mark.parametrize("moment", ["wait", "settled", "epoch", "end"])
def test_after_one_that_failed_nothing_is_done_until_it_is_told(
    writer: Writer, moment: str
) -> None:
    done: list[int] = []
    writer.give(full)
    writer.give(lambda: done.append(1))
    told: dict[str, Callable[[], None]] = {
        "wait": writer.wait,
        "epoch": lambda: writer.epoch(EPOCH),
        "settled": lambda: writer.settled(Progress(0, 1)),
        "end": lambda: writer.end(True),
    }
    while writer.busy:
        time.sleep(0.01)
    with pytest.raises(OSError, match="full"):
        told[moment]()
    assert done == []
    if moment != "end":
        writer.give(lambda: done.append(2))
        writer.wait()
        assert done == [2]


def test_the_end_waits_for_everything(writer: Writer) -> None:
    done: list[int] = []
    for number in range(5):
        writer.give(lambda number=number: done.append(number))  # type: ignore[misc]
    writer.end(True)
    assert done == list(range(5))


def test_without_a_task_there_is_nothing_to_wait_for(writer: Writer) -> None:
    writer.wait()
    writer.epoch(EPOCH)
    assert not writer.busy


def test_a_step_does_not_wait(writer: Writer) -> None:
    free = threading.Event()
    writer.give(lambda: full() if free.wait(60) else None)
    writer.settled(Progress(0, 1))  # would hang if it waited
    free.set()
    with pytest.raises(OSError, match="full"):
        writer.wait()


def test_a_signal_is_heard_and_what_has_not_begun_is_left(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    begun, free = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        free.wait(60)
        done.append(1)

    writer.give(slow)
    writer.give(lambda: done.append(2))
    begun.wait(60)

    def interrupted(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt  # a signal would go to MindSpore's handler, which may end the tests

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("concurrent.futures.wait", interrupted)
        writer.wait()
    free.set()
    with pytest.raises(KeyboardInterrupt):
        writer.wait()
    assert done == [1]
