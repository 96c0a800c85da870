"""Provenance: where a model's first weights came from. Pure Python."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from trainer.core.text import shorten

REINITIALISED = "re-initialised"
_SHOWN = 4  # names per line


@dataclass
class Provenance:
    """Where each of a model's weights came from, and what became of all that the file holds.

    Attributes:
        kind: of the file, see ``trainer.checkpoint.pretrained.source``.
        notes: what was unwrapped or converted.
        loaded: the file's name by the parameter's.
        reshaped: the file's shape by the parameter's name, where only ones were added or removed.
        reinitialised: parameters that keep their random first values, because the user wants that.
        missing: parameters that keep them because the file has none; only if that was allowed.
        ignored: names in the file that no model needs, by reason.
        unexpected: names in the file that match nothing; only if that was allowed.
    """

    kind: str
    notes: list[str]
    loaded: dict[str, str] = field(default_factory=dict)
    reshaped: dict[str, tuple[int, ...]] = field(default_factory=dict)
    reinitialised: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    ignored: dict[str, list[str]] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)

    def add_unmatched(self, names: Iterable[str], reinitialised: Collection[str]) -> None:
        """Note the parameters that the file does not set.

        Args:
            names: of all parameters.
            reinitialised: those that the user wants so.
        """
        self.reinitialised = list(reinitialised)
        self.missing = [n for n in names if n not in self.loaded and n not in reinitialised]

    def summary(self) -> str:
        """Return all that in one line."""
        renamed = sum(parameter != name for parameter, name in self.loaded.items())
        changes = [f"{renamed} renamed"] if renamed else []
        changes += [f"{len(self.reshaped)} reshaped"] if self.reshaped else []
        parts = [f"{self.kind}, {len(self.loaded)} loaded" + _in_brackets(changes), *self.notes]
        ignored = [(r, names) for r, names in self.ignored.items() if r != REINITIALISED]
        for label, names in (
            (REINITIALISED, self.reinitialised),
            ("MISSING, so left random", self.missing),
            *((f"left out ({reason})", names) for reason, names in ignored),
            ("UNEXPECTED", self.unexpected),
        ):
            parts += [f"{len(names)} {label}: {shorten(names, _SHOWN)}"] if names else []
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return all that in full, for ``init.json``."""
        return {
            "kind": self.kind,
            "notes": self.notes,
            "taken": [{"parameter": p, "from": name} for p, name in self.loaded.items()],
            "reshaped": [
                {"parameter": p, "from": list(shape)} for p, shape in self.reshaped.items()
            ],
            "made_anew": self.reinitialised,
            "missing": self.missing,
            "left_out": [
                {"name": name, "reason": reason}
                for reason, names in self.ignored.items()
                for name in names
            ],
            "left_over": self.unexpected,
        }


def _in_brackets(parts: Sequence[str]) -> str:
    return f" ({', '.join(parts)})" if parts else ""
