"""Tasks: what a metric is for, noted on its function."""

from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def for_tasks(*tasks: str, more_classes_than: str = "") -> Callable[[_Function], _Function]:
    """Note that a metric is for some tasks only: classification, multilabel, regression.

    Args:
        tasks: their names.
        more_classes_than: name of a parameter, a number that the classes have to exceed.
    """

    def note(function: _Function) -> _Function:
        function.tasks = tasks  # type: ignore[attr-defined]
        function.more_classes_than = more_classes_than  # type: ignore[attr-defined]
        return function

    return note
