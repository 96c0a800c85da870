"""Features: the outputs of the frozen part, computed once per sample, then read from a store."""

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mindspore import Tensor, nn
from numpy.typing import NDArray

from trainer.backend.batch_types import Columns
from trainer.core.errors import CannotWrite
from trainer.core.tensors import close, same_bits
from trainer.data import batches as data
from trainer.distributed.world import World
from trainer.feature_cache.cacheable import Cacheable
from trainer.feature_cache.feature_columns import cast, column_specs, pad, to_model_types
from trainer.feature_cache.feature_graphs import FeatureGraphs, check_rounding
from trainer.feature_cache.replay import Compile, uncached
from trainer.feature_cache.store import FeatureStore
from trainer.feature_cache.store import digests as digests_of
from trainer.feature_cache.stored_view import StoredView
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
        source: features of an earlier phase, from which these are computed instead of from the
            inputs. They are closed once all of them have been used.

    Attributes:
        cacheable: what is stored of the model.
        weights: hashes of the weights on which the features depend, by name.
        counts: what was read and computed since they were last logged.
        views: stored views of augmented samples, by their number.
    """

    def __init__(
        self,
        model: nn.Cell,
        cacheable: Cacheable,
        store: FeatureStore,
        exact: bool = True,
        compile: Compile = uncached,
        source: "Features | None" = None,
    ) -> None:
        self._exact = exact
        self._model = model
        self.cacheable = cacheable
        graphs = source._graphs if source else None
        self._graphs: FeatureGraphs = FeatureGraphs(model, cacheable, compile, graphs)
        self._store = store
        self._source = source
        self._unused = source._store.digests if source else set[bytes]()
        self._full_size: int = source._full_size if source else 0
        self.views: dict[int, StoredView] = source.views if source else {}
        self.weights: Mapping[str, str] = {}
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
            needed_inputs = inputs if self.cacheable.needs_inputs else []
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
        missing = self._store.missing(digests) if self._source else []
        if self._source and missing:
            rows = self._computed(self._source.read(digests), self._full_size)
            self._add(digests, rows)
        else:
            rows = self._store.get(digests)
        self.counts.computed += len(missing)
        self.counts.read += len(digests) - len(missing)
        return to_model_types(self.cacheable, rows)

    def _rows(self, inputs: Columns, full_size: int) -> list[NDArray[Any]]:
        """Return the features of a batch, computed if any sample is not stored."""
        digests = digests_of(inputs)
        self._full_size = max(self._full_size, full_size)
        missing = self._store.missing(digests)
        if not missing and self._store.adopted > self._checked:
            self._check_adopted(digests, inputs, full_size)
            missing = self._store.missing(digests)
        if missing or not self._usable:
            rows = self._compute(inputs, full_size)
            self._add(digests, rows)
        else:
            rows = self._store.get(digests)
            self._mark_used(digests)
        self.counts.computed += len(missing)
        self.counts.read += len(digests) - len(missing)
        return to_model_types(self.cacheable, rows)

    def _add(self, digests: Sequence[bytes], rows: Sequence[NDArray[Any]]) -> None:
        self._store.put(digests, rows)
        if self._source and not self._store.missing(digests):
            self._mark_used(digests)

    def _mark_used(self, digests: Sequence[bytes]) -> None:
        """Close the source once all of it has been used; what is left of a batch is used at once.

        An epoch may leave out its last samples.
        """
        if self._source is None:
            return
        self._unused.difference_update(digests)
        if 0 < len(self._unused) <= self._full_size:
            rest = sorted(self._unused)
            self._store.put(rest, self._computed(self._source.read(rest), self._full_size))
            self._unused.difference_update(() if self._store.missing(rest) else rest)
        if not self._unused:
            self._source.close()  # its graphs remain, for samples that it has not seen

    def make_step(self, make: Callable[[nn.Cell], Callable[..., Tensor]]) -> Callable[..., Tensor]:
        """Return a training step that takes batches of features; see ``FeatureGraphs``."""
        return self._graphs.make_step(make)

    def evaluator(self, loss: nn.Cell, world: World) -> Evaluator:
        """Return an evaluator of the model on batches of features."""
        return self._graphs.evaluator(loss, world)

    def log_counts(self, epoch: int) -> None:
        """Log how many samples were read and how many were computed since the last call."""
        counts, self.counts = self.counts, Counts()
        file_log.info(
            "features, epoch %d: %d read, %d computed", epoch, counts.read, counts.computed
        )

    def flush(self) -> None:
        """Write features that are only in memory so far, for other runs."""
        self._store.flush()

    def feeds(self, later: Cacheable) -> bool:
        """Return whether features of a later boundary are the same if computed from these."""
        is_lossless = [*self._store.columns] == column_specs(self.cacheable, "float32")
        return self._usable and is_lossless and later.follows(self.cacheable)

    def as_source(self) -> "Features":
        """Return these features, or those that they are still computed from: they have more rows.

        The others are closed, and their graphs released.
        """
        source, self._source = self._source, None
        self._graphs.drop_source()
        if source is None or not self._unused:
            return self
        self.close()
        return source

    def renewed(self, cacheable: Cacheable, compile: Compile) -> "Features":
        """Return the same stored features for another phase with the same boundary."""
        features = copy.copy(self)
        source = self._source._graphs if self._source else None
        features.cacheable, features.counts = cacheable, Counts()
        features._graphs = FeatureGraphs(self._model, cacheable, compile, source)
        return features

    def close(self) -> None:
        """Release the memory, and remove what no other run can use."""
        if self._source:
            self._source.close()
        self._store.close()

    def _compute(self, inputs: Columns, full_size: int) -> list[NDArray[Any]]:
        """Return the features of some samples in the types of the store."""
        columns = self._source._rows(inputs, full_size) if self._source else inputs
        return self._computed(columns, full_size)

    def _computed(self, columns: Columns, full_size: int) -> list[NDArray[Any]]:
        """Return the features of samples, given by their inputs or by their rows in the source."""
        size = len(columns[0])
        padded = [Tensor(pad(column, full_size)) for column in columns]
        capture = self._graphs.capture(full_size)
        outputs = capture(padded)
        if not self._rounding_checked:
            self._rounding_checked = True
            reverse = capture(data.reversed_batch(padded))
            self._usable = check_rounding(outputs, reverse, self._exact)
        pairs = zip(outputs, self._store.columns, strict=True)
        return [cast(array[:size], column.dtype) for array, column in pairs]

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
