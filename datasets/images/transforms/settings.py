"""Checks the settings of a preparation, all of them before anything is built."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from .resize import resampling
from .training import parse_auto_augment

_NUMBERS = ("crop_pct", "hflip", "vflip", "re_prob", "mixup", "cutmix", "cutmix_prob")
_LISTS = ("mean", "std", "scale", "ratio")


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check the types and ranges of settings of `image_transform`.

    Raises:
        DataError: names each setting of another type or, if there is none, each out of its range.
    """
    if problems := [*_type_problems(settings)] or [*_range_problems(settings)]:
        raise DataError("; ".join(problems))


def _type_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    side, jitter = settings["image_resize"], settings["color_jitter"]
    wrong = [] if type(side) is int else [("image_resize", "a whole number")]
    wrong += [(key, "a number") for key in _NUMBERS if not is_number(settings[key])]
    optional = {key: settings[key] for key in _LISTS if (key, settings[key]) != ("scale", None)}
    wrong += [(key, "a list of numbers") for key, value in optional.items() if not _numbers(value)]
    if jitter is not None and not _is_jitter(jitter):
        wrong += [("color_jitter", "null, a number of at least 0, or a list of 3 or 4 of them")]
    yield from (f"{key}: expected {what}, received {settings[key]!r}" for key, what in wrong)


def _range_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    share, size, std = (settings[key] for key in ("crop_pct", "image_resize", "std"))
    fits = {
        "image_resize": (size >= 1, "at least 1"),
        "crop_pct": (0 < share <= 1, "above 0, at most 1"),
        "scale": (_is_range(settings["scale"], 1), "two numbers above 0, at most 1, in order"),
        "ratio": (_is_range(settings["ratio"], np.inf), "two numbers above 0, in order"),
        "mean": (len(settings["mean"]) == 3, "three numbers"),
        "std": (len(std) == 3 and min(std) > 0, "three numbers above 0"),
    }
    for key in ("hflip", "vflip", "re_prob", "cutmix_prob"):
        fits[key] = (0 <= settings[key] <= 1, "0 to 1")
    for key in ("mixup", "cutmix"):
        fits[key] = (settings[key] >= 0, "at least 0")
    for key, (is_right, expected) in fits.items():
        if not is_right:
            yield f"{key}: expected {expected}, received {settings[key]}"
    yield from _unknown_names(settings)


def _unknown_names(settings: Mapping[str, Any]) -> Iterator[str]:
    for key, parse in (("interpolation", resampling), ("auto_augment", parse_auto_augment)):
        try:
            if settings[key] is not None:
                parse(str(settings[key]))
        except DataError as error:
            yield str(error)


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)


def _numbers(values: Any) -> bool:
    return isinstance(values, Sequence) and all(map(is_number, values))


def _is_jitter(value: Any) -> bool:
    strengths = [value] * 3 if is_number(value) else value
    return _numbers(strengths) and len(strengths) in (3, 4) and min(strengths) >= 0


def _is_range(values: Sequence[float] | None, most: float) -> bool:
    return values is None or (len(values) == 2 and 0 < values[0] <= values[1] <= most)
