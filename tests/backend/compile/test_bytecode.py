"""The names that a function refers to."""

import math
from types import FunctionType
from typing import cast

from trainer.backend.compile.bytecode import attributes, referred

FACTOR = 2.0


def area(radius: float, box: object) -> list[float]:
    box.width  # type: ignore[attr-defined]  # noqa: B018
    return [math.pi * r * FACTOR for r in [radius]]


AREA = cast(FunctionType, area)


def test_globals_and_what_is_asked_of_modules() -> None:
    assert dict(referred(AREA)) == {"FACTOR": 2.0, "math": math, "math.pi": math.pi}


def test_attributes_are_those_of_any_object() -> None:
    assert attributes(AREA) == ["pi", "width"]
    assert attributes(None) == []
