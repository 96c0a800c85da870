"""The time that a loop waits for its batches."""

import time
from collections.abc import Iterator

from trainer.engine.timed_iterator import TimedIterator


def slow(count: int) -> Iterator[int]:
    for number in range(count):
        time.sleep(0.02)
        yield number
    time.sleep(0.02)


def test_it_adds_up_the_wait_and_not_the_work() -> None:
    timed, start, worked = TimedIterator(slow(3)), time.perf_counter(), 0.0
    numbers = []
    for number in timed:
        begin = time.perf_counter()
        time.sleep(0.03)
        worked += time.perf_counter() - begin
        numbers.append(number)
    assert numbers == [0, 1, 2]
    assert 0.08 <= timed.seconds <= time.perf_counter() - start - worked
