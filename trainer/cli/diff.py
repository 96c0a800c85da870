"""Diff: ``python -m trainer.diff A B``, how far each parameter went from A to B. No MindSpore."""

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.artifacts import plan_history, run_record
from trainer.checkpoint.weights_ref import WeightsRef, find
from trainer.cli import entry_point
from trainer.core import atomic_files, tensors
from trainer.core.errors import ConfigError, FrozenDiffers, nearest
from trainer.core.table import table
from trainer.core.tensors import Weights

_USAGE = """usage: python -m trainer.diff A B [--json]

Prints for each parameter its norms, its largest and mean change from A to B, and whether it is
equal bit for bit; what changed most comes first. A and B each are
  RUN@0, RUN@7, RUN@last   a snapshot of a run
  RUN@best                 its best checkpoint; or the folder of any checkpoint
  RUN                      a run's folder: its model.safetensors
  FILE.safetensors         a file
Exit code 1 if something differs that the plan, which both must be of, declares frozen.
Example:
  python -m trainer.diff outputs/a@0 outputs/a@last"""


@dataclass(frozen=True)
class Row:
    """How one parameter differs.

    Attributes:
        name: dotted path.
        state: what the plan says of it; empty if A and B have no plan in common.
        norm_a: square root of the sum of squares in A.
        norm_b: the same in B.
        largest: largest absolute change; NaN where a value is not finite.
        mean: mean absolute change.
        equal: whether all bits are the same.
    """

    name: str
    state: str
    norm_a: float
    norm_b: float
    largest: float
    mean: float
    equal: bool


def main() -> None:
    """Print the table, and exit with the code that tells whether something frozen differs."""
    with entry_point.exit_codes():
        words = sys.argv[1:]
        if entry_point.printed_help(_USAGE):
            return
        a, b = read(words)
        rows = compare(a.weights(), b.weights(), states(a, b))
        print(as_json(rows) if "--json" in words else report(rows))
        if moved := [row.name for row in rows if row.state == "frozen" and not row.equal]:
            raise FrozenDiffers(
                f"expected equal what {a.run} declares frozen, but {len(moved)} differ: "
                f"{', '.join(moved)}"
            )


def read(words: Sequence[str]) -> tuple[WeightsRef, WeightsRef]:
    """Return what the words of the command line refer to.

    Raises:
        ConfigError: everything that is wrong with them.
    """
    problems = [
        f"expected --json, received {word}{nearest(word, ['--json'])}"
        for word in words
        if word.startswith("-") and word != "--json"
    ]
    given = [word for word in words if not word.startswith("-")]
    if len(given) != 2:
        problems.append(f"expected two of RUN, RUN@EPOCH, FILE, received {len(given)}")
    found = []
    for word in given[:2]:
        try:
            found.append(find(word))
        except ConfigError as mistake:
            problems += mistake.problems
    if problems:
        raise ConfigError(problems)
    return found[0], found[1]


def states(a: WeightsRef, b: WeightsRef) -> dict[str, str]:
    """Return each parameter's state by the plan that both are of; empty if there is none.

    Within a run that went on under another plan, frozen is what was so from one to the other.

    Raises:
        ConfigError: a plan or a proof is damaged.
    """
    if a.run is None or b.run is None:
        return {}
    plan, proof = run_record.read_plan_and_proof(a.run)
    if a.run.resolve() == b.run.resolve():
        return plan_history.parameter_states(
            plan_history.spans(plan, proof), _moment(a), _moment(b)
        )
    mine, theirs = (
        {p.name: p.state for p in each.parameters}
        for each in (plan, run_record.read_plan_and_proof(b.run)[0])
    )
    return mine if mine == theirs else {}


def _moment(reference: WeightsRef) -> float:
    return math.inf if reference.epoch is None else reference.epoch


def compare(a: Weights, b: Weights, states: dict[str, str]) -> list[Row]:
    """Return how each parameter differs, those that changed most first.

    Raises:
        ConfigError: they are not of one net; names what only one has, and other shapes.
    """
    pairs = (("only in A", a, b), ("only in B", b, a))
    problems = [
        f"{where}: {', '.join(alone)}"
        for where, mine, other in pairs
        if (alone := [name for name in mine if name not in other])
    ]
    problems += [
        f"{name}: shape {a[name].shape} in A, {b[name].shape} in B"
        for name in a
        if name in b and a[name].shape != b[name].shape
    ]
    if problems:
        raise ConfigError([f"expected weights of one net; {text}" for text in problems])
    rows = [_row(name, states.get(name, ""), a[name], b[name]) for name in a]
    return sorted(rows, key=lambda row: (row.equal, -_order(row.largest)))


def _row(name: str, state: str, a: NDArray[np.generic], b: NDArray[np.generic]) -> Row:
    equal = a.dtype == b.dtype and tensors.same_bits(a, b)
    largest, mean = (0.0, 0.0) if equal else tensors.change(a, b)
    return Row(name, state, tensors.norm(a), tensors.norm(b), largest, mean, equal)


def _order(change: float) -> float:
    return math.inf if math.isnan(change) else change


def as_json(rows: Sequence[Row]) -> str:
    """Return the rows as a list of objects; a number that is not finite is a text."""
    return atomic_files.dumps([asdict(row) for row in rows], indent=2)


def report(rows: Sequence[Row]) -> str:
    """Return the rows as a table, with the number of those that are equal."""
    head = ("parameter", "state", "norm A", "norm B", "largest", "mean", "equal")
    lines = [
        (
            row.name,
            row.state,
            *(f"{value:.3e}" for value in (row.norm_a, row.norm_b, row.largest, row.mean)),
            "yes" if row.equal else "no",
        )
        for row in rows
    ]
    equal = sum(row.equal for row in rows)
    return f"{table([head, *lines])}\n{equal} of {len(rows)} equal"


if __name__ == "__main__":
    main()
