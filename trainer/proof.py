"""Proof: the record that every frozen tensor is, bit for bit, what it was at the start."""

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
from mindspore import nn
from numpy.typing import NDArray

from trainer import files, layout
from trainer.apply import Applied
from trainer.causes import Evidence, cause
from trainer.errors import FrozenMoved, WeightsNotFinite
from trainer.plan import STATISTICS, ParameterPlan
from trainer.watcher import Epoch, Watcher
from trainer.weights import Weights, same_bits

log = logging.getLogger(__name__)


class Proof(Watcher):
    """Compares the frozen tensors after each epoch and keeps ``proof.json`` up to date.

    Args:
        path: where ``proof.json`` goes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start: Weights = {}
        self._free: Weights = {}
        self._hashes: dict[str, str] = {}
        self._optimized: set[str] = set()
        self._still: list[str] = []

    def phase(self, applied: Applied, optimizer: nn.Optimizer) -> None:
        """Note what the optimizer was given, to know a cause by."""
        ids = {id(parameter) for parameter in optimizer.parameters}
        named = applied.net.parameters_and_names()
        self._optimized = {name for name, parameter in named if id(parameter) in ids}

    def epoch(self, epoch: Epoch) -> None:
        """Compare, and fill in ``epoch.moved``; what to do about it is ``Guard``'s affair."""
        if not self._start:
            self._start = epoch.weights
            self._free = dict(epoch.weights)
        rows = [self._row(name, epoch) for name in epoch.plan.names("frozen")]
        epoch.moved = {
            row["name"]: f"by {row['largest_change']:.3g}: {row['likely_cause']}"
            for row in rows
            if not row["equal"]
        }
        if epoch.number:
            self._warn_of_still(epoch)
        # A later phase may freeze what trains now; it is to stay as it is at this phase's end.
        for name in epoch.weights.keys() - set(epoch.plan.names("frozen")):
            self._free[name] = epoch.weights[name]
            self._hashes.pop(name, None)
        files.write_json(
            self._path,
            {"holds": not epoch.moved, "epochs": epoch.number, "tensors": rows},
        )

    def _row(self, name: str, epoch: Epoch) -> dict[str, Any]:
        before, after = self._free[name], epoch.weights[name]
        if name not in self._hashes:
            self._hashes[name] = sha256(before)
        equal = same_bits(before, after)
        row = {
            "name": name,
            "sha256_before": self._hashes[name],
            "sha256_after": self._hashes[name] if equal else sha256(after),
            "largest_change": 0.0 if equal else largest_change(before, after),
            "equal": equal,
        }
        if not equal:
            row["likely_cause"] = self._cause(name, epoch)
        return row

    def _cause(self, name: str, epoch: Epoch) -> str:
        by = {p.name: p.by for p in epoch.plan.parameters}[name]
        given = name in self._optimized
        return cause(
            Evidence(
                self._free[name],
                epoch.weights[name],
                statistic=by == STATISTICS or layout.is_statistic(name),
                given="the optimizer was given it" if given else "",
            )
        )

    def _warn_of_still(self, epoch: Epoch) -> None:
        names = epoch.plan.names("trainable")
        still = [n for n in names if same_bits(self._start[n], epoch.weights[n])]
        if still and still != self._still:
            log.warning(
                "warning: trainable, but has not moved since the start: %s (no gradient, or "
                "optimizer.lr is 0?)",
                ", ".join(still),
            )
        self._still = still


class Guard(Watcher):
    """Ends the run when a drift was found or a weight is ruined; last, so that all is on record."""

    def epoch(self, epoch: Epoch) -> None:
        """Raise for what has moved, and for trained weights that are not finite.

        A loss can be finite where weights are not: a ReLU on the CPU gives 0 for NaN.

        Raises:
            FrozenMoved: names each tensor and by how much it moved.
            WeightsNotFinite: names the tensors.
        """
        if epoch.moved:
            raise FrozenMoved(
                f"expected every frozen tensor to stay still, but by the end of epoch "
                f"{epoch.number} {len(epoch.moved)} moved:\n"
                + "\n".join(f"  - {name} {text}" for name, text in epoch.moved.items())
            )
        names = [p.name for p in epoch.plan.parameters if _is_trained(p)]
        if ruined := [name for name in names if not _is_finite(epoch.weights[name])]:
            raise WeightsNotFinite(
                f"expected finite weights, but by the end of epoch {epoch.number} these are not: "
                f"{', '.join(ruined)}. Likely: input that is not finite. The snapshots before hold "
                "sound ones"
            )


def _is_trained(parameter: ParameterPlan) -> bool:
    """Tell whether training is to move a parameter; the net's own buffers may hold anything."""
    return parameter.state == "trainable" or layout.is_statistic(parameter.name)


def _is_finite(array: NDArray[np.generic]) -> bool:
    return not np.issubdtype(array.dtype, np.floating) or bool(np.isfinite(array).all())


def sha256(array: NDArray[np.generic]) -> str:
    """Return the SHA-256 of an array's bytes in C order."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def largest_change(before: NDArray[np.generic], after: NDArray[np.generic]) -> float:
    """Return the largest absolute difference; NaN where a value is not finite."""
    with np.errstate(invalid="ignore"):  # inf - inf
        difference = after.astype(np.float64) - before.astype(np.float64)
    return float(np.abs(difference).max()) if difference.size else 0.0
