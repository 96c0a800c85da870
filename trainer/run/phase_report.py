"""Phase report: what a run says where a phase begins, and its ``plan.json``."""

import logging
from pathlib import Path

from mindspore import nn

from trainer.core.text import clip, quantity, shorten
from trainer.engine.callback import Callback, PhaseResult
from trainer.engine.phase_place import PhasePlace
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan
from trainer.phases.plan_changes import plan_changes
from trainer.run import plan_record

log = logging.getLogger(__name__)
file_log = logging.getLogger(f"{__name__}.table")


class PhaseReport(Callback):
    """Reports each phase after the first, and keeps ``plan.json`` up to date.

    Args:
        folder: of the run.
        place: where the run is among its phases.
    """

    def __init__(self, folder: Path, place: PhasePlace) -> None:
        self._folder = folder
        self._place = place
        self._ended: PhaseResult | None = None

    def on_phase_end(self, phase: PhaseResult) -> None:
        """Note which phase has ended."""
        self._ended = phase

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """Print a line, unless it is the first phase of this process."""
        ended, self._ended = self._ended, None
        if ended is None:
            return
        plan_record.write(self._folder, self._place)
        log.info("%s", line(ended, self._place, applied.plan))
        for verb, names in _changes(ended.plan, applied.plan):
            file_log.info("%s: %s", verb, ", ".join(names))


def line(ended: PhaseResult, place: PhasePlace, plan: Plan) -> str:
    """Return the line on a phase that begins."""
    number, count = place.start.index + 1, len(place.phases)
    parts = [
        f"{verb} {quantity(len(names), 'tensor')} ({clip(shorten(names), 60)})"
        for verb, names in _changes(ended.plan, plan)
    ]
    trains = f"{len(plan.names('trainable'))} train"
    start = ", from the best weights" if place.phase.start_from == "best" else ""
    what = "; ".join([*(parts or ["nothing changes state"]), trains])
    title = f"phase {number}/{count} {place.phase.name}{start}"
    return f"{title}: {what} [{ended.start.name}: {ended.reason}]"


def _changes(before: Plan, now: Plan) -> list[tuple[str, tuple[str, ...]]]:
    """Return what happens to the parameters that change state, each with their names."""
    changes = plan_changes(before, now)
    pairs = [("thaws", changes.thawed), ("freezes", changes.frozen)]
    return [(verb, names) for verb, names in pairs if names]
