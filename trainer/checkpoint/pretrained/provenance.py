"""Initial: where a net's first weights came from. Pure Python."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

REINITIALISED = "made anew"
_SHOWN = 4  # names in a line


@dataclass
class Provenance:
    """Where each of a net's weights came from, and what became of all that the file holds.

    Attributes:
        kind: of the file, see ``trainer.checkpoint.pretrained.source``.
        notes: what was unwrapped or converted.
        taken: the file's name by the parameter's.
        reshaped: the file's shape by the parameter's name, where only ones were added or removed.
        anew: parameters that keep their fresh values because the user wants that.
        missing: parameters that keep them because the file has none; only if that was allowed.
        dropped: names in the file that no net needs, by reason.
        left: names in the file that fit nothing; only if that was allowed.
    """

    kind: str
    notes: list[str]
    loaded: dict[str, str] = field(default_factory=dict)
    reshaped: dict[str, tuple[int, ...]] = field(default_factory=dict)
    reinitialised: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    ignored: dict[str, list[str]] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """Return all that in short."""
        renamed = sum(own != name for own, name in self.loaded.items())
        changed = [f"{renamed} renamed"] if renamed else []
        changed += [f"{len(self.reshaped)} reshaped"] if self.reshaped else []
        parts = [f"{self.kind}, {len(self.loaded)} taken" + _bracketed(changed), *self.notes]
        for label, names in (
            (REINITIALISED, self.reinitialised),
            ("MISSING, so left random", self.missing),
            *(
                (f"left out ({why})", names)
                for why, names in self.ignored.items()
                if why != REINITIALISED
            ),
            ("LEFT OVER", self.unexpected),
        ):
            parts += [f"{len(names)} {label}: {_short(names)}"] if names else []
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return all that in full, for ``init.json``."""
        return {
            "kind": self.kind,
            "notes": self.notes,
            "taken": [{"parameter": own, "from": name} for own, name in self.loaded.items()],
            "reshaped": [
                {"parameter": own, "from": list(shape)} for own, shape in self.reshaped.items()
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


def _bracketed(parts: Sequence[str]) -> str:
    return f" ({', '.join(parts)})" if parts else ""


def _short(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
