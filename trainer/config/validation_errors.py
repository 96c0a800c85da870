"""Validation errors: pydantic's findings in the words of the trainer's messages. Pure Python."""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from trainer.core.errors import nearest

_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "bool_type": "true or false",
    "list_type": "a list",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "model_type": "a group of keys",
    "finite_number": "a finite number",
}


def describe(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """Return one of pydantic's findings as expected, received, where, nearest.

    Args:
        detail: the finding.
        model: what was validated; it knows the keys that were possible.
    """
    where = _where(detail["loc"])
    received, kind, context = detail["input"], detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return f"{where}: expected a value, received none"
    if kind == "extra_forbidden":
        return f"{where}: unknown key{nearest(where.rpartition('.')[2], _keys(detail, model))}"
    if kind == "value_error":
        return f"{where}: {context['error']}"
    expected = _EXPECTED.get(kind, detail["msg"]).format(**context)
    return f"{where}: expected {expected}, received {received!r}"


def _where(location: Sequence[int | str]) -> str:
    """Return the key of a place: with the index in rules and phases, without it in plain lists.

    The value itself shows which item of a plain list is wrong.
    """
    parts = (f"[{p}]" if isinstance(p, int) else f".{p}" for p in location)
    named = (f".{p}" for p in location if isinstance(p, str))
    return "".join(parts if location[0] in ("policy", "phases") else named).lstrip(".")


def _keys(detail: ErrorDetails, model: type[BaseModel]) -> list[str]:
    """Return the keys that are known where an unknown one stands."""
    for part in detail["loc"][:-1]:
        if isinstance(part, str):
            fields = {f.alias or name: f for name, f in model.model_fields.items()}
            model = next(_models(fields[part].annotation))
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in an annotation, such as that in ``list[Model]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
