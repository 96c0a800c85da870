"""Freeze guard: ends a run if a frozen tensor has moved or a weight is not finite."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trainer.backend.graph import module_tree
from trainer.core.errors import FrozenMoved, WeightsNotFinite
from trainer.core.tensors import Weights
from trainer.core.text import first_rows, shorten
from trainer.engine.callback import Callback, EpochResult, PhaseResult
from trainer.freezing.plan import ParameterPlan, Plan


class FreezeGuard(Callback):
    """Checks each epoch; it comes after what records the epoch and before the checkpoints."""

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Raise what ``check_weights`` raises."""
        check_weights(epoch.plan, epoch.weights, epoch.moved, f"the end of epoch {epoch.number}")

    def on_phase_end(self, phase: PhaseResult) -> None:
        """Raise what ``check_weights`` raises."""
        when = f"the end of phase {phase.start.name}"
        check_weights(phase.plan, phase.weights, phase.moved, when)


def check_weights(plan: Plan, weights: Weights, moved: Mapping[str, str], when: str) -> None:
    """Raise if a frozen tensor has moved, or if trained weights are not finite.

    A loss can be finite where weights are not: a ReLU on the CPU gives 0 for NaN.

    Raises:
        FrozenMoved: names each tensor and by how much it moved.
        WeightsNotFinite: names the tensors.
    """
    if moved:
        raise FrozenMoved(
            f"expected every frozen tensor unchanged, but by {when} {len(moved)} moved:\n"
            + "\n".join(first_rows([f"  - {name} {text}" for name, text in moved.items()]))
        )
    names = [p.name for p in plan.parameters if _is_trained(p)]
    if broken := [name for name in names if not _is_finite(weights[name])]:
        raise WeightsNotFinite(
            f"expected finite weights, but by {when} these are not: {shorten(broken)}. "
            "Earlier snapshots and checkpoints hold finite ones"
        )


def _is_trained(parameter: ParameterPlan) -> bool:
    """Tell whether training is to move a parameter; other buffers may hold anything."""
    return parameter.state == "trainable" or module_tree.is_statistic(parameter.name)


def _is_finite(array: NDArray[np.generic]) -> bool:
    return not np.issubdtype(array.dtype, np.floating) or bool(np.isfinite(array).all())
