"""Arguments of losses, checked when they are built: the errors name the key and the range."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from numbers import Real
from typing import Any

from trainer.core.errors import ArgumentErrors


@contextmanager
def collect_errors() -> Iterator[Callable[..., Any]]:
    """Report all wrong arguments of a loss together.

    Yields:
        a function that returns what a check returns for the arguments that follow; None: they are
        wrong, which the end of the block raises.

    Raises:
        ArgumentErrors: an argument is wrong.
    """
    problems: list[str] = []

    def checked(check: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        try:
            return check(*arguments, **options)
        except ValueError as error:
            problems.append(str(error))
            return None

    yield checked
    if problems:
        raise ArgumentErrors(problems)


def checked_share(key: str, value: Any, below_one: bool = False) -> float:
    """Return a share, 0 to 1, as a float; MindSpore takes no int for one."""
    if not _is_number(value) or not 0 <= value <= 1 or (below_one and value == 1):
        bounds = "0 to below 1" if below_one else "0 to 1"
        raise ValueError(f"expected {key} of {bounds}, received {value!r}")
    return float(value)


def checked_positive(key: str, value: Any) -> float:
    """Return a number above 0 as a float."""
    if not _is_number(value) or not value > 0:
        raise ValueError(f"expected {key} above 0, received {value!r}")
    return float(value)


def checked_not_negative(key: str, value: Any) -> float:
    """Return a number that is not below 0 as a float."""
    if not _is_number(value) or value < 0:
        raise ValueError(f"expected {key} of 0 or more, received {value!r}")
    return float(value)


def checked_whole(key: str, value: Any) -> int:
    """Return a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected {key} to be a whole number, received {value!r}")
    return value


def checked_label(key: str, value: Any) -> int | None:
    """Return the number of a label; None: there is none."""
    return None if value is None else checked_whole(key, value)


def checked_numbers(key: str, value: Any) -> list[float]:
    """Return a list of numbers that are not below 0, of which one is above 0."""
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"expected {key} to be a list of numbers, received {value!r}")
    numbers = [checked_not_negative(f"each of {key}", number) for number in value]
    if not any(numbers):
        raise ValueError(f"expected one of {key} to be above 0, received {value!r}")
    return numbers


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
