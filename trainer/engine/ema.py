"""Exponential moving averages of the weights that train, and of the statistics that move.

An average follows as ``e + (w - e) * (1 - decay)``; the form ``e * decay + w * (1 - decay)`` would
move the average of a constant weight. Running statistics are averaged like weights, as timm's
``ModelEma`` does; numbers that are not floating-point are copied.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import mindspore as ms
import numpy as np
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

from trainer.backend import execution_mode
from trainer.backend.graph.module_tree import is_statistic
from trainer.backend.set_parameters import SetParameters
from trainer.core.tensors import Weights
from trainer.freezing.plan import Plan

PREFIX = "ema."
_FLOATS = (ms.float16, ms.float32, ms.float64, ms.bfloat16)
_FUSED = (ms.float16, ms.float32)  # types of ApplyGradientDescent


def averaged_names(plan: Plan) -> list[str]:
    """Return the names of what is averaged: all that training changes."""
    names = [p.name for p in plan.parameters if p.state == "buffer" and is_statistic(p.name)]
    return [*plan.names("trainable"), *names]


class WeightAverages:
    """The averages of a model's weights, which start as the weights are now.

    Attributes:
        sources: the parameters that are averaged in any phase.
        averages: the average of each.
        updated: the pairs of average and parameter that a step under the present plan updates.

    Args:
        model: its own parameters remain as they are, except within ``applied``.
        plans: of the phases of a run; the first is in effect.
    """

    def __init__(self, model: nn.Cell, *plans: Plan) -> None:
        parameters = dict(model.parameters_and_names())
        self._names = list(dict.fromkeys(n for plan in plans for n in averaged_names(plan)))
        self.sources = [parameters[name] for name in self._names]
        self.averages = [
            Parameter(Tensor(p.asnumpy(), p.dtype), name=PREFIX + name, requires_grad=False)
            for name, p in zip(self._names, self.sources, strict=True)
        ]
        self._set = execution_mode.executable(SetParameters(self.sources))
        self.updated = self._pairs(averaged_names(plans[0]))

    def begin_phase(self, plan: Plan) -> None:
        """Have steps update what a plan trains; what it freezes has its weight as its average.

        The steps under the plan before must not be used again.
        """
        names = averaged_names(plan)
        for average, source in self._pairs(name for name in self._names if name not in names):
            average.set_data(Tensor(source.asnumpy(), source.dtype))
        self.updated = self._pairs(names)

    def _pairs(self, names: Iterable[str]) -> list[tuple[Parameter, Parameter]]:
        wanted, every = set(names), zip(self._names, self.averages, self.sources, strict=True)
        return [(average, source) for name, average, source in every if name in wanted]

    def restore(self, state: Weights) -> None:
        """Take those averages that a checkpoint's state holds; a graph must not be compiled yet."""
        for average in self.averages:
            if average.name in state and state[average.name].shape == tuple(average.shape):
                average.set_data(Tensor(state[average.name], average.dtype))

    def state(self) -> dict[str, Parameter]:
        """Return the averages as a checkpoint holds them."""
        return {average.name: average for average in self.averages}

    def weights(self) -> Weights:
        """Return a copy of the averages on the host, by the names of their weights."""
        pairs = zip(self._names, self.averages, strict=True)
        return {name: np.array(average.asnumpy()) for name, average in pairs}

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have the model compute with the averages within the block; compiled graphs follow.

        Afterwards its weights are as they were, bit for bit: they are kept on the host.
        """
        before = [np.array(parameter.asnumpy()) for parameter in self.sources]
        try:
            self._assign([average.asnumpy() for average in self.averages])
            yield
        finally:
            self._assign(before)

    def _assign(self, arrays: Sequence[np.ndarray]) -> None:
        pairs = zip(arrays, self.sources, strict=True)
        self._set(*(Tensor(array, source.dtype) for array, source in pairs))


class AverageUpdate(nn.Cell):
    """Moves averages towards the weights, within the graph of a step.

    ``ApplyGradientDescent`` multiplies and subtracts in one pass over the memory: 9 ms instead of
    17 for ResNet-18's weights on two cores. The bits are those of ``e + (w - e) * share``.

    Args:
        averages: of a model.
    """

    def __init__(self, averages: WeightAverages) -> None:
        super().__init__(auto_prefix=False)
        sources = [source for _, source in averages.updated]
        self.averages = ParameterTuple([average for average, _ in averages.updated])
        self.sources = ParameterTuple(sources)
        self.floats = tuple(source.dtype in _FLOATS for source in sources)
        self.fused = tuple(source.dtype in _FUSED for source in sources)
        self.subtract_scaled = ops.ApplyGradientDescent()

    def construct(self, share: Tensor) -> Tensor:
        """Update all averages; the share of the weights is 1 - decay."""
        for number, average in enumerate(self.averages):
            source = self.sources[number]
            if self.fused[number]:
                self.subtract_scaled(average, share.astype(average.dtype), average - source)
            elif self.floats[number]:
                ops.assign_add(average, (source - average) * share.astype(average.dtype))
            else:
                ops.assign(average, source)
        return share


def decay_at(updates: int, decay: float, warmup: int) -> float:
    """Return the decay of an update: ``decay``, or less in the first ones.

    Args:
        updates: number of updates of the run before this one.
        decay: the largest.
        warmup: it is at most ``(1 + updates) / (warmup + updates)``; 0: always ``decay``.
    """
    return min(decay, (1 + updates) / (warmup + updates)) if warmup else decay
