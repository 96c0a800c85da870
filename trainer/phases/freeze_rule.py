"""Freeze rule: the front stages whose weights have settled are frozen, as AutoFreeze does.

Source: Liu, Agarwal, Venkataraman: AutoFreeze: Automatically Freezing Model Blocks to Accelerate
Fine-tuning (arXiv:2102.01386), section 4: the relative change of the norm of the gradients that a
block has accumulated from one interval to the next; blocks from the front are frozen as long as
theirs is in the lowest percentile of all blocks that train. The percentile alone freezes half of
what trains at each decision, settled or not, so that here the change must be small as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.phases.adaptive import Choice, StageUpdate


@dataclass(frozen=True)
class FreezeRule:
    """Compares the last two epochs.

    The update of a stage is the norm of the change of its weights in an epoch, over the sum of the
    learning rates: the gradients that it has accumulated, as the optimizer has weighted them.

    Attributes:
        percentile: of the relative changes of all stages that train; 0 to 100.
        tolerance: the largest relative change of a stage that has settled; None: any.
        first_epoch: the number of epochs before which nothing is frozen; at least 2.
        every_epochs: epochs from one decision to the next.
    """

    percentile: float = 50.0
    tolerance: float | None = 0.1
    first_epoch: int = 2
    every_epochs: int = 1

    def __call__(self, index: int, last: int, updates: Sequence[StageUpdate]) -> Choice | None:
        """Return the phase in which all settled front stages are frozen; None: none is settled."""
        if len(updates) < 2 or not self._decides_after(updates[-1].epochs):
            return None
        changes = relative_changes(updates[-2], updates[-1], index)
        limit = float(np.percentile(changes, self.percentile))
        most = limit if self.tolerance is None else min(limit, self.tolerance)
        settled = 0
        while index + settled < last and changes[settled] <= most:
            settled += 1
        if not settled:
            return None
        largest = max(changes[:settled])
        compared = f"the {self.percentile:g}th percentile of all that train"
        reason = f"the updates changed by at most {largest:.0%} in an epoch, {compared} {limit:.0%}"
        return Choice(index + settled, reason)

    def _decides_after(self, epochs: int) -> bool:
        since = epochs - max(self.first_epoch, 2)
        return since >= 0 and since % self.every_epochs == 0


def relative_changes(before: StageUpdate, after: StageUpdate, first: int) -> list[float]:
    """Return the relative change of the update of each stage from a first one on."""
    one, other = _rated(before)[first:], _rated(after)[first:]
    return [abs(b - a) / b if b else float("inf") for b, a in zip(one, other, strict=True)]


def _rated(update: StageUpdate) -> list[float]:
    return [norm / update.rate if update.rate else 0.0 for norm in update.norms]
