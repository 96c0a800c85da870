"""Tasks: what a metric is for, noted on its function."""

from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def for_tasks(*tasks: str) -> Callable[[_Function], _Function]:
    """Note that a metric is for some tasks only: classification, multilabel, regression."""

    def note(function: _Function) -> _Function:
        function.tasks = tasks  # type: ignore[attr-defined]
        return function

    return note
