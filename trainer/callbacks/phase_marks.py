"""Phase marks: where the phases of a run begin, as vertical lines in its pictures."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from matplotlib.axes import Axes

# Name and start of each phase, in epochs.
Marks: TypeAlias = Sequence[tuple[str, float]]
_MOST_NAMED = 12


def read(proof: Path, records: Sequence[Mapping[str, Any]]) -> Marks:
    """Return the phases of a run as its proof names them; none if it has no phases.

    Args:
        proof: ``proof.json``.
        records: lines of ``metrics.jsonl``, which know how many steps an epoch has.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads(proof.read_text())
        chapters = [c for c in record.get("chapters", ()) if "begin" in c]
        begun = [(str(c["phase"]), c["begin"]) for c in chapters]
        if last := record.get("phase"):
            begun.append((str(last["name"]), last))
        return [(name, _epochs(begin, records)) for name, begin in begun]
    return []


def _epochs(begin: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> float:
    """Return a moment in epochs; an epoch that is cut short has the steps of the first one."""
    whole, steps = int(begin["epochs"]), int(begin["steps"])
    return whole + steps / (records[1].get("steps") or 1) if steps else float(whole)


def draw(axes: Axes, marks: Marks, shift: float = 0.0) -> None:
    """Draw a line where each phase begins, with its name unless there are many.

    Args:
        axes: by epochs.
        marks: see ``Marks``.
        shift: is added to each place.
    """
    is_named = len(marks) <= _MOST_NAMED
    for number, (name, start) in enumerate(marks):
        if number:
            axes.axvline(start + shift, color="0.5", linestyle="--", linewidth=0.8, zorder=0.5)
        if is_named:
            axes.annotate(
                name,
                (start + shift, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(2, -3),
                textcoords="offset points",
                rotation=90,
                fontsize=7,
                color="0.4",
                ha="left",
                va="top",
                bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.5},
            )
