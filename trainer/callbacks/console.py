"""Console: the bar of steps, a line an epoch, and the table of weights in the log."""

import logging
from functools import partial

from tqdm import tqdm

from trainer.callbacks.background_writer import Submit, run_now
from trainer.core.table import table
from trainer.engine.callback import Callback, EpochResult
from trainer.engine.progress import Progress

log = logging.getLogger(__name__)
_MOST_ROWS = 24
table_log = logging.getLogger(f"{__name__}.table")


class Console(Callback):
    """Shows how a run goes.

    Args:
        steps: steps an epoch, for the bar; it is quiet where stderr is no terminal.
        give: has the table of weights logged, once it is filled in.
    """

    def __init__(self, steps: int, give: Submit = run_now) -> None:
        self._steps = steps
        self._give = give
        self._last = ""
        self._bar: tqdm | None = None  # type: ignore[type-arg]

    def on_step_end(self, loss: float, seconds: float, progress: Progress) -> None:
        """Advance the bar."""
        if self._bar is None:
            first = progress.steps - 1  # more than 0 where a run goes on in mid-epoch
            self._bar = tqdm(
                total=self._steps, initial=first, unit="step", leave=False, disable=None
            )
        self._bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
        self._bar.update()

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Print the epoch's line; put the table of weights in the log file."""
        self._close()
        log.info(line(epoch))
        self._give(partial(self._log_table, epoch))

    def _log_table(self, epoch: EpochResult) -> None:
        self._last = change_table(epoch)
        table_log.info("weights after epoch %d\n%s", epoch.number, self._last)

    def on_run_end(self, done: bool) -> None:
        """Leave no half bar behind; show the last table if it fits a screen."""
        self._close()
        if 0 < self._last.count("\n") <= _MOST_ROWS:
            log.info("weights at the end\n%s", self._last)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def line(epoch: EpochResult) -> str:
    """Return an epoch's line."""
    frozen = len(epoch.plan.names("frozen"))
    proof = f"frozen MOVED ({len(epoch.moved)})" if epoch.moved else f"frozen ok ({frozen})"
    score = epoch.validation
    parts = [
        f"epoch {epoch.number:3d}",
        "loss    start" if epoch.loss is None else f"loss {epoch.loss:8.4g}",
        f"validation {score.loss:8.4g}",
        "" if score.accuracy is None else f"accuracy {100 * score.accuracy:5.1f} %",
        *(f"{name} {value:.4g}" for name, value in score.metrics.items()),
        f"{epoch.images_per_second:,.0f} images/s" if epoch.steps else "",
        proof if frozen else "nothing frozen",
    ]
    return "  ".join(part for part in parts if part)


def change_table(epoch: EpochResult) -> str:
    """Return the table of weights: norms, and changes since the start and the epoch before."""
    head = ("parameter", "state", "norm", "max start", "mean start", "max last", "mean last")
    rows = [
        (
            str(row["name"]),
            str(row["state"]),
            *(f"{value:.3e}" for value in list(row.values())[2:]),
        )
        for row in epoch.changes
    ]
    return table([head, *rows])
