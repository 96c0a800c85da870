"""Checks that the settings of a preparation are numbers where numbers belong."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DataError

_NUMBERS = ("crop_pct", "hflip", "vflip", "re_prob", "mixup", "cutmix", "cutmix_prob")
_LISTS = ("mean", "std", "scale", "ratio")


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check the types and ranges of settings of `image_transform`.

    Raises:
        DataError: names each setting of another type, or the first that is out of its range.
    """
    side, jitter = settings["image_resize"], settings["color_jitter"]
    wrong = [] if type(side) is int else [("image_resize", "a whole number")]
    wrong += [(key, "a number") for key in _NUMBERS if not is_number(settings[key])]
    optional = {key: settings[key] for key in _LISTS if (key, settings[key]) != ("scale", None)}
    wrong += [(key, "a list of numbers") for key, value in optional.items() if not _numbers(value)]
    if jitter is not None and not _is_jitter(jitter):
        wrong += [("color_jitter", "null, a number of at least 0, or a list of 3 or 4 of them")]
    if wrong:
        problems = [f"{key}: expected {what}, received {settings[key]!r}" for key, what in wrong]
        raise DataError("; ".join(problems))
    _check_ranges(settings)


def _check_ranges(settings: Mapping[str, Any]) -> None:
    _check_range("scale", settings["scale"], 1.0)
    _check_range("ratio", settings["ratio"], np.inf)
    for key in ("hflip", "vflip", "re_prob"):
        if not 0 <= settings[key] <= 1:
            raise DataError(f"{key}: expected 0 to 1, received {settings[key]}")
    for key in ("mean", "std"):
        values = settings[key]
        if len(values) != 3 or (key == "std" and min(values) <= 0):
            above = " above 0" if key == "std" else ""
            raise DataError(f"{key}: expected three numbers{above}, received {list(values)}")


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)


def _numbers(values: Any) -> bool:
    return isinstance(values, Sequence) and all(map(is_number, values))


def _is_jitter(value: Any) -> bool:
    strengths = [value] * 3 if is_number(value) else value
    return _numbers(strengths) and len(strengths) in (3, 4) and min(strengths) >= 0


def _check_range(key: str, values: Sequence[float] | None, most: float) -> None:
    if values is None:
        return
    if len(values) != 2 or not 0 < values[0] <= values[1] <= most:
        limit = "" if np.isinf(most) else f", at most {most:g}"
        raise DataError(
            f"{key}: expected two numbers above 0{limit}, the smaller first, received "
            f"{list(values)}"
        )
