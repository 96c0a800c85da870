"""Timed iterator: how long a loop has waited for what it iterates over."""

import time
from collections.abc import Iterator
from typing import Generic, TypeVar

_T = TypeVar("_T")


class TimedIterator(Generic[_T]):
    """An iterator that adds up the time that its items take.

    Attributes:
        seconds: waited so far.
    """

    def __init__(self, items: Iterator[_T]) -> None:
        self._items = items
        self.seconds = 0.0

    def __iter__(self) -> Iterator[_T]:
        return self

    def __next__(self) -> _T:
        start = time.perf_counter()
        try:
            return next(self._items)
        finally:
            self.seconds += time.perf_counter() - start
