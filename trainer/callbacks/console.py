"""Console: the progress bar, one line per epoch, and the table of weights."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tqdm import tqdm

from trainer.callbacks.background_writer import Submit, run_now
from trainer.core.table import table
from trainer.engine.callback import Callback, EpochResult, PhaseResult
from trainer.engine.progress import Progress
from trainer.engine.run_length import RunLength
from trainer.metrics.evaluator import Score

log = logging.getLogger(__name__)
table_log = logging.getLogger(f"{__name__}.table")  # goes to the log file alone

_MOST_ROWS = 6  # of the table on the screen, so that a default run fits 24 lines
_HEAD = (
    "parameter",
    "state",
    "norm",
    "max change since start",
    "mean since start",
    "max change in last epoch",
    "mean in last epoch",
)
_SCREEN_HEAD = ("parameter", "norm", "max change since start", "in last epoch")


class Console(Callback):
    """Shows how a run goes.

    Args:
        length: of the run, for the bar, which is hidden where stderr is no terminal.
        submit: has the table of weights logged, once it is filled in.
    """

    def __init__(self, length: RunLength, submit: Submit = run_now) -> None:
        self._length = length
        self._submit = submit
        self._last: EpochResult | None = None
        self._bar: tqdm | None = None  # type: ignore[type-arg]

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        """Advance the bar."""
        if self._bar is None:
            first = progress.steps - 1  # more than 0 where a run resumes within an epoch
            total = self._length.steps_in(progress.epochs + 1)
            self._bar = tqdm(total=total, initial=first, unit="step", leave=False, disable=None)
        self._bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
        self._bar.update()

    def on_phase_end(self, phase: PhaseResult) -> None:
        """Leave no bar above the line on the next phase."""
        self._close()

    def on_evaluation(self, progress: Progress, score: Score, ema: Score | None = None) -> None:
        """Print a line."""
        self._close()
        step = f"{progress.steps}/{self._length.steps_in(progress.epochs + 1)}"
        parts = [f"epoch {progress.epochs + 1:3d}", f"step {step}", *_score(score)]
        parts += _ema(ema)
        log.info("  ".join(part for part in parts if part))

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Print the epoch's line; log the table of weights."""
        self._close()
        log.info(line(epoch))
        self._submit(partial(self._log_table, epoch))

    def _log_table(self, epoch: EpochResult) -> None:
        self._last = epoch
        table_log.info("weights after epoch %d\n%s", epoch.number, change_table(epoch.changes))

    def on_run_end(self, done: bool) -> None:
        """Leave no unfinished bar; show the weights that moved most."""
        self._close()
        if self._last and self._last.changes:
            log.info(most_moved(self._last.changes))

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def line(epoch: EpochResult) -> str:
    """Return an epoch's line."""
    frozen = len(epoch.plan.names("frozen"))
    proof = f"frozen MOVED ({len(epoch.moved)})" if epoch.moved else f"frozen ok ({frozen})"
    parts = [
        f"epoch {epoch.number:3d}",
        epoch.phase.name if epoch.phase else "",
        "loss    start" if epoch.loss is None else f"loss {epoch.loss:8.4g}",
        *_score(epoch.validation),
        *_ema(epoch.ema if epoch.number else None),
        f"{epoch.images_per_second:,.0f} images/s" if epoch.steps else "",
        proof if frozen else "nothing frozen",
    ]
    return "  ".join(part for part in parts if part)


def _score(score: Score) -> list[str]:
    """Return the parts of a line that say what was measured."""
    repeated = None if score.accuracy is None else "accuracy"  # it may be a metric as well
    return [
        f"validation {score.loss:8.4g}" if score.measured else "",
        "" if score.accuracy is None else f"accuracy {100 * score.accuracy:5.1f} %",
        *(f"{name} {value:.4g}" for name, value in score.metrics.items() if name != repeated),
    ]


def _ema(score: Score | None) -> list[str]:
    """Return the part of a line on the averaged weights: their accuracy, or else their loss."""
    if score is None or not score.measured:
        return []
    value = f"{score.loss:.4g}" if score.accuracy is None else f"{100 * score.accuracy:.1f} %"
    return [f"averaged {value}"]


def change_table(changes: Sequence[Mapping[str, Any]]) -> str:
    """Return the whole table of weights: norms, and changes since the start and the last epoch."""
    rows = [
        (
            str(row["name"]),
            str(row["state"]),
            *(f"{value:.3e}" for value in list(row.values())[2:]),
        )
        for row in changes
    ]
    return table([_HEAD, *rows])


def most_moved(changes: Sequence[Mapping[str, Any]]) -> str:
    """Return the parameters that moved most, at most ``_MOST_ROWS``, and a line for the others."""
    moved = [row for row in changes if row["state"] != "frozen" or row["largest_since_start"]]
    moved.sort(key=lambda row: row["largest_since_start"], reverse=True)
    rows = [
        (str(row["name"]), *(f"{row[key]:.3e}" for key in _SHOWN)) for row in moved[:_MOST_ROWS]
    ]
    others = [f"{len(moved) - _MOST_ROWS} more"] if len(moved) > _MOST_ROWS else []
    if still := len(changes) - len(moved):
        others.append(f"{still} frozen, unchanged since the start")
    note = [f"{' and '.join(others)}: train.log"] if others else []
    return "\n".join([*([table([_SCREEN_HEAD, *rows])] if rows else []), *note])


_SHOWN = ("norm", "largest_since_start", "largest_since_last")
