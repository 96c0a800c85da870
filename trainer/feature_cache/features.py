"""Features: outputs of the frozen part, computed once for each sample, then read back."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.backend.batch_types import Columns
from trainer.core.errors import CannotWrite, ConfigError
from trainer.core.tensors import close, largest_change, same_bits
from trainer.data import batches as data
from trainer.distributed.world import World
from trainer.feature_cache.cacheable import Cacheable
from trainer.feature_cache.replay import FeatureReplay
from trainer.feature_cache.store import Column, FeatureStore
from trainer.feature_cache.store import digests as digests_of
from trainer.metrics.evaluator import Evaluator

log = logging.getLogger(__name__)
file_log = logging.getLogger(f"{__name__}.table")


@dataclass
class Counts:
    """Samples whose features were read, and those whose features were computed."""

    read: int = 0
    computed: int = 0


class Features:
    """Turns batches of inputs into batches of features, and a net into what takes those.

    Args:
        net: the net; any plan may be in effect when it is used.
        storable: what can be stored of it.
        store: where.
        exact: whether a sample must have the same bits in any place of a batch.
    """

    def __init__(
        self, net: nn.Cell, storable: Cacheable, store: FeatureStore, exact: bool = True
    ) -> None:
        self._exact = exact
        self._net = net
        self._storable = storable
        self._detours: dict[int, FeatureReplay] = {}
        self._store = store
        self._checked = 0  # so many of the segments that others have written
        self._fit = True
        self._looked_at = False
        self.counts = Counts()

    def batches(self, batches: Iterable[Columns]) -> Iterator[Columns]:
        """Yield features, the inputs if the net needs them, and the label, of each batch.

        Args:
            batches: inputs and, last, the label. A batch smaller than the first is filled up to
                compute its features, so that nothing is compiled for it.
        """
        full = 0
        for *inputs, label in batches:
            full = max(full, len(label))
            kept = inputs if self._storable.needs_inputs else []
            yield [*self._rows(inputs, full), *kept, label]

    def add(self, inputs: Columns, full: int) -> list[bytes]:
        """Store the features of some samples; return what they are found by.

        Raises:
            CannotWrite: neither memory nor folder takes them.
        """
        digests = digests_of(inputs)
        self._rows(inputs, full)
        if self._store.missing(digests):
            raise CannotWrite(f"expected room for features in {self._store.folder}, found none")
        return digests

    def read(self, digests: Sequence[bytes]) -> list[NDArray[Any]]:
        """Return features that have been added."""
        self.counts.read += len(digests)
        return self._to_model_types(self._store.get(digests))

    def _rows(self, inputs: Columns, full: int) -> list[NDArray[Any]]:
        """Return the features of at most ``full`` samples, computed where they are not stored."""
        digests = digests_of(inputs)
        absent = self._store.missing(digests)
        if not absent and self._store.adopted > self._checked:
            self._check_adopted(digests, inputs, full)
            absent = self._store.missing(digests)
        if absent or not self._fit:
            found = self._compute(inputs, full)
            self._store.put(digests, found)
        else:
            found = self._store.get(digests)
        self.counts.computed += len(absent)
        self.counts.read += len(digests) - len(absent)
        return self._to_model_types(found)

    def _to_model_types(self, stored: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Return stored values as the net wants them."""
        kinds = [ms.dtype_to_nptype(kind) for _, kind in self._storable.feature_specs()]
        return [column.astype(kind, copy=False) for column, kind in zip(stored, kinds, strict=True)]

    def make_step(self, make: Callable[[nn.Cell], Callable[..., Tensor]]) -> Callable[..., Tensor]:
        """Return a step for such batches.

        Args:
            make: makes a step of the net that it is given; called for each size of a batch.
        """
        steps: dict[int, Callable[..., Tensor]] = {}

        def take(*batch: Tensor) -> Tensor:
            size = batch[-1].shape[0]
            detour = self._replay(size)
            if size not in steps:
                steps[size] = make(detour.tail)
            with detour.replayed():
                return steps[size](*batch)

        return take

    def evaluator(self, loss: nn.Cell, world: World) -> Evaluator:
        """Return what evaluates the net on such batches."""
        return Evaluator(_ReplayedModel(self._net, self._replay), loss, world)

    def log_counts(self, epoch: int) -> None:
        """Log how many samples were read and how many computed since the last time."""
        done, self.counts = self.counts, Counts()
        file_log.info("features, epoch %d: %d read, %d computed", epoch, done.read, done.computed)

    def flush(self) -> None:
        """Write what is only in memory yet, for other runs."""
        self._store.flush()

    def _replay(self, size: int) -> FeatureReplay:
        if size not in self._detours:
            self._detours[size] = self._storable.replay(self._net, size)
        return self._detours[size]

    def _compute(self, inputs: Columns, full: int) -> list[NDArray[Any]]:
        """Return the features of some samples as they are stored, rounded if need be."""
        size = len(inputs[0])
        filled = [Tensor(_pad(column, full)) for column in inputs]
        made = self._replay(full).capture(filled)
        if not self._looked_at:
            self._looked_at = True
            self._check_rounding(made, self._replay(full).capture(data.reversed_batch(filled)))
        pairs = zip(made, self._store.columns, strict=True)
        return [_cast(array[:size], column.dtype) for array, column in pairs]

    def _check_rounding(self, made: Columns, backwards: Columns) -> None:
        """Say whether a sample has the same bits wherever it stands in a batch."""
        pairs = [(one, other[::-1]) for one, other in zip(made, backwards, strict=True)]
        if all(same_bits(*pair) for pair in pairs):
            file_log.info("features: a sample has the same bits in any place of a batch")
            return
        self._fit = not self._exact
        follows = "the training is not that without a store to the last bit"
        log.info(
            "features: a sample is rounded otherwise in another place of a batch, by %.1g at most: "
            "%s",
            max(largest_change(*pair) for pair in pairs),
            follows if self._fit else "they are computed anew in every step (features.exact)",
        )

    def _check_adopted(self, digests: Sequence[bytes], inputs: Columns, full: int) -> None:
        """Compare features that were found with what is computed now; forget all if they differ."""
        self._checked = self._store.adopted
        same = same_bits if self._exact else close
        pairs = zip(self._store.get(digests), self._compute(inputs, full), strict=True)
        if not all(same(*pair) for pair in pairs):
            log.warning(
                "warning: the features in %s are not what the net computes now; they are made anew",
                self._store.folder,
            )
            self._store.clear()


class _ReplayedModel:
    """A net that takes batches of features, for an evaluator."""

    def __init__(self, net: nn.Cell, detour: Callable[[int], FeatureReplay]) -> None:
        self._net = net
        self._detour = detour

    def set_train(self, mode: bool) -> None:
        """Put the net in training or inference mode."""
        self._net.set_train(mode)

    def __call__(self, *columns: Tensor) -> Any:
        """Return what the net puts out."""
        detour = self._detour(columns[0].shape[0])
        detour.tail.set_train(self._net.training)
        with detour.replayed():
            return detour.tail(*columns)


def column_specs(storable: Cacheable, dtype: str) -> list[Column]:
    """Return what is stored of each sample.

    Args:
        storable: what can be stored of a net.
        dtype: NumPy's name of the type in which numbers that are not whole are kept.
    """
    found = []
    for shape, kind in storable.feature_specs():
        own = np.dtype(ms.dtype_to_nptype(kind))
        kept = dtype if own.kind == "f" and dtype == "float16" else own.name
        found.append(Column(tuple(shape[1:]), kept))
    return found


def _cast(column: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Return values as they are stored.

    Raises:
        ConfigError: one is too large for that type.
    """
    with np.errstate(over="ignore"):
        made = column.astype(dtype, copy=False)
    if made.dtype != column.dtype and np.isinf(made).sum() > np.isinf(column).sum():
        largest = float(np.abs(column).max())
        raise ConfigError([f"features.dtype: expected values below 65504, found {largest:.3g}"])
    return made


def _pad(column: NDArray[Any], size: int) -> NDArray[Any]:
    """Repeat the last sample up to a full batch."""
    lacking = size - len(column)
    return np.concatenate([column, np.repeat(column[-1:], lacking, axis=0)]) if lacking else column
