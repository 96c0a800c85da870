"""Loading of JPEG files: decode, random crop, resize, flip and normalise; nothing trains."""

from collections.abc import Sequence

from scripts.benchmark.records import Record, Row, spread
from trainer.core.table import table

PART = "loading"
WORKERS = 2  # threads or processes
TITLES = {
    "loader": "this trainer's loader",
    "torchvision": "torchvision's DataLoader",
    "mindspore_dataset": "mindspore.dataset",
}
CONTENDERS = " ".join(TITLES)
_HEAD = "contender", "epoch s", "images/s", "time x", "peak MB", "runs"


def text(rows: Sequence[Row]) -> str:
    """Return the tables of a suite's rows; empty without results."""
    return "\n\n".join(_table(row) for row in rows)


def _table(row: Row) -> str:
    task = row.case.task
    lines = [(TITLES[who], *_cells(row, who)) for who in row.contenders]
    title = f"{task}, batch {task.batch}, {task.images:,} images, {WORKERS} workers, second epoch"
    return f"{title}\n{table([_HEAD, *lines], left=(0,))}"


def _cells(row: Row, who: str) -> tuple[str, ...]:
    rates = [row.case.task.images / seconds for seconds in row.values(who, epoch_seconds)]
    ratios = [] if who == "loader" else row.ratios(who, "loader", epoch_seconds)
    return (
        spread(row.values(who, epoch_seconds), 2),
        spread(rates, 0),
        spread(ratios, 2),
        f"{max(result.memory or 0 for result in row.results(who)):,.0f}",
        str(len(rates)),
    )


def epoch_seconds(record: Record) -> float:
    """Return the seconds of the last epoch: the first includes the start of the workers."""
    assert record.result is not None
    return record.result.epochs[-1]
