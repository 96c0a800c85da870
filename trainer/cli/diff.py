"""Diff: ``python -m trainer.diff A B``, how far each parameter moved from A to B. No MindSpore."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.artifacts import data_differences, data_manifest, plan_history, run_record
from trainer.checkpoint.weights_ref import WeightsRef, find
from trainer.cli import entry_point
from trainer.core import atomic_files, tensors
from trainer.core.errors import ConfigError, FrozenDiffers, nearest
from trainer.core.table import table
from trainer.core.tensors import Weights
from trainer.core.text import quantity, shorten

_LINES = 24  # printed without all=true

_USAGE = f"""usage: python -m trainer.diff A B [all=true] [--json]

Prints for each parameter its norms, its largest and mean change from A to B, and whether it is
equal bit for bit; what changed most comes first. A and B each are
  RUN@0, RUN@7, RUN@last   a snapshot of a run
  RUN@best                 its best checkpoint; or the folder of any checkpoint
  RUN@ema                  the averages of its weights, if it had ema.decay
  RUN                      a run's folder: its model.safetensors
  FILE.safetensors         a file
  all=true                 one line for each parameter; otherwise at most {_LINES} lines, in which
                           frozen tensors that are equal are counted
  --json                   a list of objects, one for each parameter
Where both are of runs that have recorded the files of their data, it says how those differ.
Exit code 1 if something differs that the plan, which both must share, declares frozen.
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


@dataclass(frozen=True)
class Arguments:
    """What the command line asks for: two sets of weights, and how to print their difference."""

    a: WeightsRef
    b: WeightsRef
    json: bool
    show_all: bool


def main() -> None:
    """Print the table, and exit with the code that reports whether something frozen differs."""
    with entry_point.exit_codes():
        words = entry_point.arguments()
        if entry_point.printed_help(_USAGE):
            return
        arguments = parse(words)
        a, b = arguments.a, arguments.b
        rows = compare(a.weights(), b.weights(), states(a, b))
        if arguments.json:
            print(as_json(rows))
        else:
            print("\n".join([report(rows, arguments.show_all), *data_lines(a, b)]))
        if moved := [row.name for row in rows if row.state == "frozen" and not row.equal]:
            raise FrozenDiffers(
                f"expected equal what {a.run} declares frozen, but {len(moved)} differ: "
                f"{shorten(moved)}"
            )


def parse(words: Sequence[str]) -> Arguments:
    """Read the words of the command line.

    Raises:
        ConfigError: everything that is wrong with them.
    """
    problems = [
        f"expected --json, received {word}{nearest(word, ['--json'])}"
        for word in words
        if word.startswith("-") and word != "--json"
    ]
    values = [word.partition("=")[2] for word in words if word.startswith("all=")]
    problems += [
        f"all: expected true or false, received {value!r}"
        for value in values
        if value not in ("true", "false")
    ]
    places = [word for word in words if not word.startswith(("-", "all="))]
    if len(places) != 2:
        problems.append(f"expected two of RUN, RUN@EPOCH, FILE, received {len(places)}")
    references = []
    for place in places[:2]:
        try:
            references.append(find(place))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return Arguments(references[0], references[1], "--json" in words, values[-1:] == ["true"])


def states(a: WeightsRef, b: WeightsRef) -> dict[str, str]:
    """Return each parameter's state by the plan that both share; empty if there is none.

    Within a run that was resumed under another plan, frozen is what was so from A to B.

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
    states_a, states_b = (
        {p.name: p.state for p in each.parameters}
        for each in (plan, run_record.read_plan_and_proof(b.run)[0])
    )
    return states_a if states_a == states_b else {}


def _moment(reference: WeightsRef) -> float:
    return math.inf if reference.epoch is None else reference.epoch


def compare(a: Weights, b: Weights, states: dict[str, str]) -> list[Row]:
    """Return how each parameter differs, those that changed most first.

    Raises:
        ConfigError: they belong to different models; names what only one has, and other shapes.
    """
    pairs = (("only in A", a, b), ("only in B", b, a))
    problems = [
        f"{where}: {shorten(names)}"
        for where, one, other in pairs
        if (names := [name for name in one if name not in other])
    ]
    shapes = [
        f"{name} {a[name].shape} and {b[name].shape}"
        for name in a
        if name in b and a[name].shape != b[name].shape
    ]
    problems += [f"other shapes in A and B: {shorten(shapes)}"] if shapes else []
    if problems:
        raise ConfigError([f"expected weights of one model; {text}" for text in problems])
    rows = [_row(name, states.get(name, ""), a[name], b[name]) for name in a]
    return sorted(rows, key=lambda row: (row.equal, -_order(row.largest)))


def _row(name: str, state: str, a: NDArray[np.generic], b: NDArray[np.generic]) -> Row:
    equal = a.dtype == b.dtype and tensors.same_bits(a, b)
    largest, mean = (0.0, 0.0) if equal else tensors.change(a, b)
    return Row(name, state, tensors.norm(a), tensors.norm(b), largest, mean, equal)


def _order(change: float) -> float:
    return math.inf if math.isnan(change) else change


def data_lines(a: WeightsRef, b: WeightsRef) -> list[str]:
    """Return a line on how the data of two runs differ; none if it is one run or not known.

    Raises:
        ConfigError: what a run has recorded of its data is damaged.
    """
    if a.run is None or b.run is None or a.run.resolve() == b.run.resolve():
        return []
    first, second = data_manifest.read(a.run), data_manifest.read(b.run)
    if first is None or second is None:
        return []
    return [f"data: {data_differences.describe(first.files, second.files)}"]


def as_json(rows: Sequence[Row]) -> str:
    """Return the rows as a list of objects; a number that is not finite is a text."""
    return atomic_files.dumps([asdict(row) for row in rows], indent=2)


def report(rows: Sequence[Row], show_all: bool = False) -> str:
    """Return the rows as a table, with the number of those that are equal.

    Args:
        rows: those that changed most first.
        show_all: whether to print every row, instead of those that fit in a screen.
    """
    total = f"{sum(row.equal for row in rows)} of {len(rows)} equal"
    unchanged = [row for row in rows if row.state == "frozen" and row.equal]
    if show_all or not unchanged:
        listed, notes = list(rows), [total]
    else:
        listed = [row for row in rows if row not in unchanged]
        notes = [f"frozen and equal: {quantity(len(unchanged), 'tensor')}", total]
    limit = _LINES - 1 - len(notes)  # without the head
    if not show_all and len(listed) > limit:
        notes.insert(0, f"and {len(listed) - limit + 1} more: all=true lists them")
        listed = listed[: limit - 1]
    return "\n".join([*([_table(listed)] if listed else []), *notes])


def _table(rows: Sequence[Row]) -> str:
    head = ("parameter", "state", "norm A", "norm B", "largest", "mean", "equal")
    cells = [
        (
            row.name,
            row.state,
            *(f"{value:.3e}" for value in (row.norm_a, row.norm_b, row.largest, row.mean)),
            "yes" if row.equal else "no",
        )
        for row in rows
    ]
    return table([head, *cells])


if __name__ == "__main__":
    main()
