"""Features: the outputs of the frozen part, computed once per sample, then read from a store."""

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
from trainer.feature_cache.replay import Compile, FeatureReplay, ReplayedModel, uncached
from trainer.feature_cache.store import Column, FeatureStore
from trainer.feature_cache.store import digests as digests_of
from trainer.metrics.evaluator import Evaluator

log = logging.getLogger(__name__)
file_log = logging.getLogger(f"{__name__}.table")


@dataclass
class Counts:
    """Number of samples whose features were read, and of those whose features were computed."""

    read: int = 0
    computed: int = 0


class Features:
    """Turns batches of inputs into batches of features, and a model into one that takes features.

    Args:
        model: any plan may be in effect when it is used.
        cacheable: what can be stored of the model.
        store: holds the features.
        exact: whether a sample must have the same bits in any position of a batch.
        compile: see ``Compile``.
    """

    def __init__(
        self,
        model: nn.Cell,
        cacheable: Cacheable,
        store: FeatureStore,
        exact: bool = True,
        compile: Compile = uncached,
    ) -> None:
        self._exact = exact
        self._compile = compile
        self._model = model
        self._cacheable = cacheable
        self._replays: dict[int, FeatureReplay] = {}
        self._store = store
        self._checked = 0  # segments of other runs that have been compared with the model
        self._usable = True  # whether stored features are as good as computed ones
        self._rounding_checked = False
        self.counts = Counts()

    def batches(self, batches: Iterable[Columns], full_size: int = 0) -> Iterator[Columns]:
        """Yield features, the inputs if the model needs them, and the label, of each batch.

        Args:
            batches: inputs and, last, the label. A batch smaller than the first is padded to
                compute its features, so that no graph is compiled for its size.
            full_size: samples of the first batch, if others may come before these.
        """
        return (batch for batch in self.dealt_batches(batches, full_size) if batch is not None)

    def dealt_batches(
        self, batches: Iterable[Columns | None], full_size: int = 0
    ) -> Iterator[Columns | None]:
        """Yield the same, and None for each None, which stands for another rank's batch."""
        for batch in batches:
            if batch is None:
                yield None
                continue
            *inputs, label = batch
            full_size = max(full_size, len(label))
            needed_inputs = inputs if self._cacheable.needs_inputs else []
            yield [*self._rows(inputs, full_size), *needed_inputs, label]

    def add(self, inputs: Columns, full_size: int) -> list[bytes]:
        """Store the features of some samples, and return the digests of the samples.

        Raises:
            CannotWrite: neither the memory nor the folder has room for them.
        """
        digests = digests_of(inputs)
        self._rows(inputs, full_size)
        if self._store.missing(digests):
            raise CannotWrite(f"expected room for features in {self._store.folder}, found none")
        return digests

    def read(self, digests: Sequence[bytes]) -> list[NDArray[Any]]:
        """Return stored features, in the types of the model."""
        self.counts.read += len(digests)
        return self._to_model_types(self._store.get(digests))

    def _rows(self, inputs: Columns, full_size: int) -> list[NDArray[Any]]:
        """Return the features of a batch, computed if any sample is not stored."""
        digests = digests_of(inputs)
        missing = self._store.missing(digests)
        if not missing and self._store.adopted > self._checked:
            self._check_adopted(digests, inputs, full_size)
            missing = self._store.missing(digests)
        if missing or not self._usable:
            rows = self._compute(inputs, full_size)
            self._store.put(digests, rows)
        else:
            rows = self._store.get(digests)
        self.counts.computed += len(missing)
        self.counts.read += len(digests) - len(missing)
        return self._to_model_types(rows)

    def _to_model_types(self, rows: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        dtypes = [ms.dtype_to_nptype(dtype) for _, dtype in self._cacheable.feature_specs()]
        pairs = zip(rows, dtypes, strict=True)
        return [column.astype(dtype, copy=False) for column, dtype in pairs]

    def make_step(self, make: Callable[[nn.Cell], Callable[..., Tensor]]) -> Callable[..., Tensor]:
        """Return a training step that takes batches of features.

        Args:
            make: returns a step of the model that it is given; called once per batch size.
        """
        steps: dict[int, Callable[..., Tensor]] = {}

        def step(*batch: Tensor) -> Tensor:
            size = batch[-1].shape[0]
            replay = self._replay(size)
            if size not in steps:
                steps[size] = make(replay.tail)
            with replay.replayed():
                return steps[size](*batch)

        return step

    def evaluator(self, loss: nn.Cell, world: World) -> Evaluator:
        """Return an evaluator of the model on batches of features."""
        return Evaluator(ReplayedModel(self._model, self._replay), loss, world)

    def log_counts(self, epoch: int) -> None:
        """Log how many samples were read and how many were computed since the last call."""
        counts, self.counts = self.counts, Counts()
        file_log.info(
            "features, epoch %d: %d read, %d computed", epoch, counts.read, counts.computed
        )

    def flush(self) -> None:
        """Write features that are only in memory so far, for other runs."""
        self._store.flush()

    def _replay(self, size: int) -> FeatureReplay:
        if size not in self._replays:
            self._replays[size] = self._cacheable.replay(self._model, size, self._compile)
        return self._replays[size]

    def _compute(self, inputs: Columns, full_size: int) -> list[NDArray[Any]]:
        """Return the features of some samples in the types of the store."""
        size = len(inputs[0])
        padded = [Tensor(_pad(column, full_size)) for column in inputs]
        replay = self._replay(full_size)
        outputs = replay.capture(padded)
        if not self._rounding_checked:
            self._rounding_checked = True
            self._check_rounding(outputs, replay.capture(data.reversed_batch(padded)))
        pairs = zip(outputs, self._store.columns, strict=True)
        return [_cast(array[:size], column.dtype) for array, column in pairs]

    def _check_rounding(self, outputs: Columns, reversed_outputs: Columns) -> None:
        """Report whether a sample has the same bits in any position of a batch."""
        pairs = [(one, other[::-1]) for one, other in zip(outputs, reversed_outputs, strict=True)]
        if all(same_bits(*pair) for pair in pairs):
            file_log.info("features: a sample has the same bits in any position of a batch")
            return
        self._usable = not self._exact
        inexact = "the last bits of the weights may differ from a run without stored features"
        log.info(
            "features: the rounding of a sample depends on its position in the batch, by %.1g at "
            "most: %s",
            max(largest_change(*pair) for pair in pairs),
            inexact if self._usable else "they are computed again in every step (features.exact)",
        )

    def _check_adopted(self, digests: Sequence[bytes], inputs: Columns, full_size: int) -> None:
        """Compare features of other runs with the model; discard all if they differ."""
        self._checked = self._store.adopted
        same = same_bits if self._exact else close
        pairs = zip(self._store.get(digests), self._compute(inputs, full_size), strict=True)
        if not all(same(*pair) for pair in pairs):
            log.warning(
                "warning: the features in %s differ from those that the model computes; they are "
                "computed again",
                self._store.folder,
            )
            self._store.clear()


def column_specs(cacheable: Cacheable, dtype: str) -> list[Column]:
    """Return the columns of a store for the features of a model.

    Args:
        cacheable: what can be stored of the model.
        dtype: NumPy's name of the type in which floating-point numbers are stored.
    """
    columns = []
    for shape, ms_dtype in cacheable.feature_specs():
        own = np.dtype(ms.dtype_to_nptype(ms_dtype))
        halved = own.kind == "f" and dtype == "float16"
        columns.append(Column(tuple(shape[1:]), dtype if halved else own.name))
    return columns


def _cast(column: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Return values in the type of the store.

    Raises:
        ConfigError: a value is too large for that type.
    """
    with np.errstate(over="ignore"):
        cast = column.astype(dtype, copy=False)
    if cast.dtype != column.dtype and np.isinf(cast).sum() > np.isinf(column).sum():
        largest = float(np.abs(column).max())
        expected = "features.dtype: expected values below 65504"
        raise ConfigError([f"{expected}, received {largest:.3g}"])
    return cast


def _pad(column: NDArray[Any], size: int) -> NDArray[Any]:
    """Repeat the last sample up to a full batch."""
    lacking = size - len(column)
    return np.concatenate([column, np.repeat(column[-1:], lacking, axis=0)]) if lacking else column
