"""The tables of the suite as text."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from statistics import median

from scripts.benchmark import from_files, loading, modes, recipe, records
from scripts.benchmark.case import NETS, Task
from scripts.benchmark.contenders import TITLES
from scripts.benchmark.plan import PARTS, RESNET, SIZES
from scripts.benchmark.records import Record, Row, spread
from trainer.core.table import table

HEAD = (
    *("frozen", "method", "contender", "step ms", "images/s", "10 epochs s"),
    *("step x", "10 epochs x", "first s", "rest s", "peak MB", "runs"),
)
MARKS = (1, 2, 5, 10, 20, 50)  # epochs
RIVALS = ("trainer", "store", "eager")  # measured for growing sizes


def text(results: Sequence[Record]) -> str:
    """Return all tables."""
    rows = records.rows(results)
    races = (
        _races(rows, part)
        for part in ("head", "nets", "others", "starts", modes.PART, from_files.PART)
    )
    parts = [*races, _memory(rows)]
    parts += [
        _section(recipe.PART, recipe.text(of(rows, recipe.PART))),
        _section(loading.PART, loading.text(of(rows, loading.PART))),
        _ends(rows),
        _images(rows),
        _share(rows),
        _epochs(rows),
        _checks(rows),
        _not_measured(results),
    ]
    return "\n\n".join(part for part in parts if part)


def of(rows: Iterable[Row], part: str) -> list[Row]:
    """Return the rows of a part that have a result."""
    return [row for row in rows if row.part == part and row.contenders]


def shared(rows: Iterable[Row]) -> dict[int, Row]:
    """Return the rows of ResNet-18 by number of frozen parts."""
    candidates = [*of(rows, "nets"), *of(rows, "share"), *of(rows, "head")]
    by_parts = {row.case.frozen: row for row in candidates if _is_resnet(row) and row.cuts}
    return dict(sorted(by_parts.items()))


def _is_resnet(row: Row) -> bool:
    return str(row.case.task) == str(RESNET)  # however many images


def percent(parts: int) -> str:
    """Return the share of the values of ResNet-18 that its first parts hold."""
    return f"{100 * sum(SIZES[:parts]) / sum(SIZES):.2f} %"


def _races(rows: Sequence[Row], part: str) -> str:
    blocks = []
    for task, members in groupby(of(rows, part), lambda row: row.case.task):
        lines = [line for row in members for line in _lines(row)]
        blocks.append(f"{_title(task)}\n{table([HEAD, *lines], left=(0, 1, 2))}")
    return "\n\n".join([f"## {PARTS[part]}", *blocks]) if blocks else ""


def _title(task: Task) -> str:
    return f"{task}, batch {task.batch}, {task.images:,} images per epoch"


def _lines(row: Row) -> list[tuple[str, ...]]:
    names = [(row.case.extent, row.case.method), *[("", "")] * len(row.contenders)]
    return [
        (*name, TITLES[who], *_cells(row, who))
        for name, who in zip(names, row.contenders, strict=False)
    ]


def _cells(row: Row, who: str) -> tuple[str, ...]:
    results = row.results(who)
    return (
        spread([1000 * result.step for result in results], 1),
        f"{row.case.task.batch / median(result.step for result in results):,.0f}",
        spread(row.values(who, attrgetter("ten")), 1),
        *(
            "" if who == "trainer" else spread(row.ratios(who, "trainer", attrgetter(what)), 2)
            for what in ("step", "ten")
        ),
        f"{median(result.first for result in results):.1f}",
        f"{median(result.rest for result in results):.1f}",
        f"{max(result.memory or 0 for result in results):,.0f}",
        str(len(results)),
    )


def _memory(rows: Sequence[Row]) -> str:
    lines = []
    for task, members in groupby(of(rows, "nets"), lambda row: row.case.task):
        peaks: dict[str, dict[int, float]] = {}
        for row in members:
            for who in row.contenders if row.cuts else ():
                memory = max(result.memory or 0 for result in row.results(who))
                peaks.setdefault(who, {})[row.case.frozen] = memory
        parts = (0, NETS[task.net].half, len(NETS[task.net].parts))
        for who in ("trainer", "hand", "eager"):
            cells = [f"{peaks.get(who, {}).get(count, 0):,.0f}" for count in parts]
            lines.append((str(task), TITLES[who], *(cell if cell != "0" else "" for cell in cells)))
    if not lines:
        return ""
    head = ("model", "contender", "nothing", "first half", "all but the head")
    return f"## Peak memory in MB, by what is frozen\n\n{table([head, *lines], left=(0, 1))}"


def _section(part: str, text: str) -> str:
    return f"## {PARTS[part]}\n\n{text}" if text else ""


def _ends(rows: Sequence[Row]) -> str:
    lines = []
    for row in of(rows, "ends"):
        results = row.results("snapshots")
        waits = spread([1000 * (result.end or 0.0) for result in results], 1)
        epochs = spread([median(result.epochs) for result in results], 2)
        shares = spread([100 * share for share in row.values("snapshots", attrgetter("end"))], 1)
        lines.append((str(row.case.task), row.case.extent, epochs, waits, shares))
    head = ("model", "frozen", "epoch s", "wait ms", "wait %")
    return f"## {PARTS['ends']}\n\n{table([head, *lines], left=(0, 1))}" if lines else ""


def _images(rows: Sequence[Row]) -> str:
    found = of(rows, "images")
    lines = [(f"{row.case.task.images:,}", *_seconds(row, 10)) for row in found]
    return _growth("images", "images", lines, "LeNet-5, all but the head frozen, s for 10 epochs")


def _share(rows: Sequence[Row]) -> str:
    found = shared(rows)
    lines = [(row.case.extent, percent(parts), *_steps(row)) for parts, row in found.items()]
    head = "frozen", "of the values"
    title = f"{RESNET}, ms per step"
    return _growth("share", head, lines if of(rows, "share") else [], title)


def _epochs(rows: Sequence[Row]) -> str:
    found = of(rows, "epochs")
    lines = [(str(mark), *_seconds(row, mark)) for row in found for mark in MARKS]
    title = f"{found[0].case.task}, {found[0].case.task.images} images, " if found else ""
    return _growth("epochs", "epochs", lines, f"{title}all but the head frozen, s")


def _growth(
    part: str, head: str | tuple[str, str], lines: Sequence[tuple[str, ...]], title: str
) -> str:
    if not lines:
        return ""
    first = (head,) if isinstance(head, str) else head
    rows = table([(*first, *(TITLES[who] for who in RIVALS)), *lines])
    return f"## {PARTS[part]}\n\n{title}\n{rows}"


def _seconds(row: Row, epochs: int) -> list[str]:
    return [spread(row.values(who, lambda record: record.seconds(epochs)), 1) for who in RIVALS]


def _steps(row: Row) -> list[str]:
    return [spread(row.values(who, lambda record: 1000 * record.step), 1) for who in RIVALS]


def _checks(rows: Sequence[Row]) -> str:
    lines = []
    for net in NETS:
        members = [row for row in rows if row.case.task.net == net]
        counts = {result.parameters for row in members for result in row.all_results()} - {None}
        differences = [value for row in members for value in row.differences("trainer", "hand")]
        if counts:
            equal = "the same in all" if len(counts) == 1 else "NOT THE SAME"
            numbers = " and ".join(f"{count:,}" for count in counts)
            losses = ""
            if differences:
                losses = f"; losses of trainer and hand differ by {max(differences):.0e}"
            lines.append(f"{NETS[net].title}: {numbers} parameters, {equal}{losses}")
    return "\n".join(["## Equal work", "", *lines]) if lines else ""


def _not_measured(results: Sequence[Record]) -> str:
    reasons: dict[str, list[str]] = {}
    for record in results:
        if record.result is None:
            reason = f"{TITLES[record.case.contender]}: {record.reason}"
            cases = reasons.setdefault(reason, [])
            if (case := f"{record.case.task}, {record.case.extent}") not in cases:
                cases.append(case)
    lines = [f"{reason} ({'; '.join(cases)})" for reason, cases in reasons.items()]
    return "\n".join(["## Not measured", "", *lines]) if lines else ""
