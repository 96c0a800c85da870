"""Files written beside the training: in order, and no more of them after one that failed."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trainer.callbacks.background_writer import BackgroundWriter
from trainer.engine.callback import EpochResult
from trainer.engine.progress import Progress
from trainer.freezing.plan import Plan
from trainer.metrics.evaluator import Score

EPOCH = EpochResult(1, Plan(()), {}, Score(1.0, None, 1))


@pytest.fixture
def writer() -> Iterator[BackgroundWriter]:
    made = BackgroundWriter()
    yield made
    made.on_run_end(False)


def full() -> None:
    raise OSError("the disk is full")


def test_tasks_are_done_in_order_while_the_caller_goes_on(writer: BackgroundWriter) -> None:
    done: list[int] = []
    begin = threading.Event()
    writer.submit(lambda: done.append(0) if begin.wait(60) else full())
    for number in range(1, 20):
        writer.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    assert writer.busy
    assert done == []
    begin.set()
    writer.wait()
    assert done == list(range(20))
    assert not writer.busy


@pytest.mark.parametrize("moment", ["wait", "settled", "epoch", "end"])
def test_after_one_that_failed_nothing_is_done_until_it_is_told(
    writer: BackgroundWriter, moment: str
) -> None:
    done: list[int] = []
    writer.submit(full)
    writer.submit(lambda: done.append(1))
    told: dict[str, Callable[[], None]] = {
        "wait": writer.wait,
        "epoch": lambda: writer.on_epoch_end(EPOCH),
        "settled": lambda: writer.on_weights_synced(Progress(0, 1)),
        "end": lambda: writer.on_run_end(True),
    }
    while writer.busy:
        time.sleep(0.01)
    with pytest.raises(OSError, match="full"):
        told[moment]()
    assert done == []
    if moment != "end":
        writer.submit(lambda: done.append(2))
        writer.wait()
        assert done == [2]


def test_the_end_waits_for_everything(writer: BackgroundWriter) -> None:
    done: list[int] = []
    for number in range(5):
        writer.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    writer.on_run_end(True)
    assert done == list(range(5))


def test_without_a_task_there_is_nothing_to_wait_for(writer: BackgroundWriter) -> None:
    writer.wait()
    writer.on_epoch_end(EPOCH)
    assert not writer.busy


def test_a_step_does_not_wait(writer: BackgroundWriter) -> None:
    free = threading.Event()
    writer.submit(lambda: full() if free.wait(60) else None)
    writer.on_weights_synced(Progress(0, 1))  # would hang if it waited
    free.set()
    with pytest.raises(OSError, match="full"):
        writer.wait()


def test_a_signal_is_heard_and_what_has_not_begun_is_left(
    writer: BackgroundWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    begun, free = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        free.wait(60)
        done.append(1)

    writer.submit(slow)
    writer.submit(lambda: done.append(2))
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
