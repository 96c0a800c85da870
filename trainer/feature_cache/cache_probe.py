"""Cache probe: a model and a few samples, to find out what can be stored before anything trains."""

from collections.abc import Callable, Set
from dataclasses import dataclass, field

from mindspore import nn

from trainer.backend.batch_types import Batch
from trainer.backend.graph import tracer
from trainer.backend.graph.autograd_graph import AutogradGraph
from trainer.feature_cache import constant_outputs
from trainer.freezing.plan import Plan


@dataclass
class ModelFacts:
    """What is found out about a model once, for all of its plans.

    Attributes:
        graph: autograd graph of the loss, with the outputs of all cells.
        is_repeatable: whether two passes under a plan have had the same loss and gradients.
        exact: the cells that give a sample the same bits in any position of a batch.
    """

    graph: AutogradGraph | None = None
    is_repeatable: bool = False
    exact: Set[str] | None = None


@dataclass(frozen=True)
class CacheProbe:
    """A model and a few samples to try it with.

    Attributes:
        model: with no plan in effect.
        plan: the freeze plan of the model.
        loss: a cell of (output, label).
        batch: a few samples: inputs and, last, the label.
        reset_dropout: restores the random state, so that the same masks are drawn again.
        full_batch: a batch of the size that the model is trained with; None: the features of a
            sample may differ in rounding between positions in a batch.
        facts: shared by the probes of all plans.
    """

    model: nn.Cell
    plan: Plan
    loss: nn.Cell
    batch: Batch
    reset_dropout: Callable[[], None] = lambda: None
    full_batch: Batch | None = None
    facts: ModelFacts = field(default_factory=ModelFacts)

    @property
    def size(self) -> int:
        """Number of samples in the batch."""
        return int(self.batch[-1].shape[0])

    @property
    def cells(self) -> list[str]:
        """The names of all cells of the model, except the model itself."""
        return [name for name, _ in self.model.cells_and_names() if name]

    def graph(self) -> AutogradGraph:
        """Return the autograd graph, traced at the first call."""
        if self.facts.graph is None:
            self.facts.graph = tracer.trace(self.model, [(self.loss, self.batch)], self.cells)
        return self.facts.graph

    def exact(self, full_batch: Batch) -> Set[str]:
        """Return the exact cells, which the first call finds."""
        if self.facts.exact is None:
            self.facts.exact = constant_outputs.find_exact(self.model, self.cells, full_batch[:-1])
        return self.facts.exact
