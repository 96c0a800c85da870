"""Reads what a run of the trainer has recorded. Needs nothing but Python."""

import json
from pathlib import Path
from typing import Any

from scripts.ascend_check_steps.check import Check, StepFailed, typed


def metrics(run: Path) -> dict[str, Any]:
    """Return the metrics of the last epoch of a run."""
    lines = _text(run / "metrics.jsonl").splitlines()
    if not lines:
        raise StepFailed(f"expected a line per epoch in {run / 'metrics.jsonl'}, received none")
    record: dict[str, Any] = json.loads(lines[-1])
    return record


def score(run: Path) -> str:
    """Return loss and accuracy of a run as text."""
    record = metrics(run)
    return f"validation loss {record['validation_loss']:.4g}, accuracy {record['accuracy']:.1%}"


def speed(run: Path) -> str:
    """Return the times and the memory of a run as text."""
    step, first, memory = _costs(run)
    return f"{step} ms per step, first step {first} s longer, {memory} MB of host memory"


def speed_row(run: Path) -> str:
    """Return the same as a row of a table."""
    step, first, memory = _costs(run)
    return f"{step:>12} {first:>19} {memory:>15}"


def _costs(run: Path) -> list[str]:
    record = json.loads(_text(run / "costs.json"))
    units = {"step_seconds": (1e3, 2), "compile_seconds": (1, 1), "peak_memory_mb": (1, 0)}
    return [
        "?" if record[name] is None else f"{factor * record[name]:.{digits}f}"
        for name, (factor, digits) in units.items()
    ]


def moved_cells(run: Path) -> set[str]:
    """Return the cells of which a tensor moved since the start of a run, by its own record."""
    rows = metrics(run)["weights"]
    return {row["name"].partition(".")[0] for row in rows if row["largest_since_start"] != 0}


def differences(check: Check, first: str, second: str) -> dict[str, float]:
    """Return how far each tensor differs between two sets of weights, by `trainer.diff`."""
    outcome = check.trainer("diff", first, second, expected=None)
    rows = [line.split() for line in outcome.output.splitlines()]
    # parameter, state, norm A, norm B, largest, mean, equal
    found = {row[0]: float(row[4]) for row in rows if len(row) == 7 and row[6] in ("yes", "no")}
    if not found:
        raise StepFailed(f"expected a table of differences from `{typed(outcome.argv)}`")
    return found


def require_same_bits(check: Check, first: Path, second: Path, advice: str = "") -> None:
    """Raise StepFailed, with the largest difference, unless two runs end with the same weights."""
    if _weights(first) == _weights(second):
        return
    rows = differences(check, f"{first.name}@last", f"{second.name}@last")
    different = [value for value in rows.values() if value != 0]
    raise StepFailed(
        f"expected the same bits in {first.name} and {second.name}, received {len(different)} of "
        f"{len(rows)} tensors that differ, by {max(different, default=0.0):.3g} at most{advice}"
    )


def _weights(run: Path) -> bytes:
    path = run / "model.safetensors"
    try:
        return path.read_bytes()
    except OSError as error:
        raise StepFailed(f"expected the weights of a finished run: {error}") from None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise StepFailed(f"expected a record of a finished run: {error}") from None
