"""Lazy init: models without initial values, for commands that only look at shapes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mindspore.common.initializer import Initializer


@contextmanager
def skip_initializers() -> Iterator[None]:
    """Make all initial values 0: drawing those of a large model takes longer than its plan."""
    initialize = Initializer.__call__
    Initializer.__call__ = _fill_zeros
    try:
        yield
    finally:
        Initializer.__call__ = initialize


def _fill_zeros(self: Initializer, array: Any) -> None:
    array.fill(0)
