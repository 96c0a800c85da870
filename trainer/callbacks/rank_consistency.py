"""Rank consistency: the ranks of a job compared with one another, bit for bit."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from mindspore import Parameter, nn

from trainer.backend import host_copy
from trainer.callbacks import console
from trainer.checkpoint import restore
from trainer.core import atomic_files
from trainer.core.errors import RanksDiffer
from trainer.core.tensors import Weights, sha256
from trainer.core.text import shorten
from trainer.distributed.world import World
from trainer.engine.callback import Callback, EpochResult
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel

log = logging.getLogger(__name__)
file_log = logging.getLogger(f"{__name__}.table")


class RankConsistency(Callback):
    """Ends a run whose ranks differ in a weight or in the optimizer's state.

    It comes after the proof and before the checkpoints. It costs the SHA-256 of all
    weights and of the state on each rank, at each epoch's end.

    Args:
        world: the ranks.
        extra: parameters in addition to model and optimizer that a step changes, by name.
    """

    def __init__(self, world: World, extra: Mapping[str, Parameter]) -> None:
        self._world = world
        self._extra = extra

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        """Note what is to be compared."""
        self._net = applied.model
        self._optimizer = optimizer

    def on_epoch_end(self, epoch: EpochResult) -> None:
        """Compare the ranks; a rank that has no screen logs the epoch's line."""
        if not self._world.is_main:
            log.info(console.line(epoch))
        if not epoch.moved:  # the freeze guard ends the run for that
            self._compare(epoch.weights, f"the end of epoch {epoch.number}")

    def on_interrupt(self, progress: Progress) -> None:
        """Compare the ranks before a checkpoint is saved."""
        when = f"step {progress.steps} of epoch {progress.epochs + 1}"
        self._compare(host_copy.to_numpy(self._net), when)

    def _compare(self, weights: Weights, when: str) -> None:
        state = restore.training_state(self._optimizer, self._extra)
        hashes = {name: sha256(array) for name, array in weights.items()}
        hashes |= {f"state {name}": sha256(np.array(p.asnumpy())) for name, p in state.items()}
        checksum = atomic_files.checksum(hashes)
        checksums = self._world.gather(checksum)
        if len(set(checksums)) == 1:
            text = "rank %d of %d by %s: the same bits as the others, sha256 %s"
            file_log.info(text, self._world.rank, self._world.world_size, when, checksum)
            return
        differing = differences(self._world.gather(hashes))
        raise RanksDiffer(
            f"expected equal weights and optimizer state on all ranks, but by {when} they differ:\n"
            + "\n".join(f"  - {text}" for text in differing)
        )


def differences(hashes: Sequence[Mapping[str, str]]) -> list[str]:
    """Return which ranks differ from most of the others, and in what.

    Args:
        hashes: by name, of each rank in order. If two groups are equally large, the one with the
            lowest rank counts as the usual one.
    """
    checksums = [atomic_files.checksum(dict(of_rank)) for of_rank in hashes]
    usual = Counter(checksums).most_common(1)[0][0]
    agreeing = [rank for rank, checksum in enumerate(checksums) if checksum == usual]
    reference = hashes[agreeing[0]]
    plural = "s" if len(agreeing) > 1 else ""
    others = f"rank{plural} {shorten([str(rank) for rank in agreeing])}"
    return [
        f"rank {rank} differs from {others} in "
        + shorten([name for name in reference if of_rank.get(name) != reference[name]])
        for rank, of_rank in enumerate(hashes)
        if checksums[rank] != usual
    ]
