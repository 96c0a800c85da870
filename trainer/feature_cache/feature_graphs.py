"""Feature graphs: what is compiled of a model with a boundary, for each batch size."""

import logging
from collections.abc import Callable

from mindspore import Tensor, nn

from trainer.backend.batch_types import Columns
from trainer.core.tensors import largest_change, same_bits
from trainer.distributed.world import World
from trainer.feature_cache.cacheable import Cacheable
from trainer.feature_cache.capture import FeatureCapture
from trainer.feature_cache.replay import Compile, FeatureReplay, ReplayedModel
from trainer.metrics.evaluator import Evaluator

log = logging.getLogger(__name__)
file_log = logging.getLogger(f"{__name__}.table")


class FeatureGraphs:
    """The graphs before and behind a boundary.

    Args:
        model: any plan may be in effect when a graph is called.
        cacheable: what is stored of the model.
        compile: see ``Compile``.
        source: those of an earlier boundary, from which this one is computed; None: the boundary is
            computed from the inputs of the model.
    """

    def __init__(
        self,
        model: nn.Cell,
        cacheable: Cacheable,
        compile: Compile,
        source: "FeatureGraphs | None" = None,
    ) -> None:
        self._model = model
        self._cacheable = cacheable
        self._compile = compile
        self._source = source
        self._replays: dict[int, FeatureReplay] = {}
        self._captures: dict[int, FeatureCapture] = {}

    def replay(self, size: int) -> FeatureReplay:
        """Return the model without its constant part."""
        if size not in self._replays:
            self._replays[size] = self._cacheable.replay(self._model, size, self._compile)
        return self._replays[size]

    def capture(self, size: int) -> FeatureCapture:
        """Return what computes the outputs at the boundary."""
        if size not in self._captures:
            source = self._source.replay(size) if self._source else None
            self._captures[size] = self._cacheable.capture(self._model, size, self._compile, source)
        return self._captures[size]

    def drop_source(self) -> None:
        """Compute the boundary from the inputs from now on."""
        if self._source is not None:
            self._source, self._captures = None, {}

    def make_step(self, make: Callable[[nn.Cell], Callable[..., Tensor]]) -> Callable[..., Tensor]:
        """Return a training step that takes batches of features.

        Args:
            make: returns a step of the model that it is given; called once per batch size.
        """
        steps: dict[int, Callable[..., Tensor]] = {}

        def step(*batch: Tensor) -> Tensor:
            size = batch[-1].shape[0]
            replay = self.replay(size)
            if size not in steps:
                steps[size] = make(replay.tail)
            with replay.replayed():
                return steps[size](*batch)

        return step

    def evaluator(self, loss: nn.Cell, world: World) -> Evaluator:
        """Return an evaluator of the model on batches of features."""
        return Evaluator(ReplayedModel(self._model, self.replay), loss, world)


def check_rounding(outputs: Columns, reversed_outputs: Columns, exact: bool) -> bool:
    """Return whether stored features are as good as computed ones; report what they are.

    Args:
        outputs: features of a batch.
        reversed_outputs: features of the same samples in reverse order.
        exact: whether a sample must have the same bits in any position of a batch.
    """
    pairs = [(one, other[::-1]) for one, other in zip(outputs, reversed_outputs, strict=True)]
    if all(same_bits(*pair) for pair in pairs):
        file_log.info("features: a sample has the same bits in any position of a batch")
        return True
    inexact = "the last bits of the weights may differ from a run without stored features"
    log.info(
        "features: the rounding of a sample depends on its position in the batch, by %.1g at "
        "most: %s",
        max(largest_change(*pair) for pair in pairs),
        "they are computed again in every step (features.exact)" if exact else inexact,
    )
    return not exact
