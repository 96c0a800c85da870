"""Example inputs: given or guessed inputs to run a model on, and a stand-in for the loss."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from trainer.backend.graph.tracer import ExampleInput
from trainer.core.errors import ConfigError

Inputs: TypeAlias = Tensor | Sequence[int] | Sequence[Tensor | Sequence[int]]

_SAMPLES = 2  # the fewest that batch normalisation accepts in training mode
# Pixels: the usual sizes first, then the small ones of toy models.
_SIDES = (32, 28, 64, 224, 256, 299, 384, 448, 96, 128, 160, 192, 240, *range(4, 28))
_STEPS = (8, 16, 128)  # words, or points in time


class Total(nn.Cell):
    """The sum of all outputs of a model: a loss where there are no labels."""

    def construct(self, output: Any, label: Tensor) -> Tensor:
        """Return one number; the label is ignored."""
        if isinstance(output, Tensor):
            return output.sum() if output.is_floating_point() else Tensor(0.0)
        parts = output.values() if isinstance(output, dict) else output
        return sum((self.construct(part, label) for part in parts), Tensor(0.0))


def example_inputs(model: nn.Cell, inputs: Inputs | None = None) -> Iterator[ExampleInput]:
    """Yield inputs to try a model on, with the sum of its outputs in place of a loss.

    Args:
        model: the model.
        inputs: a tensor, a shape, or several of them; None: guesses from the first layer, always
            the same ones, of which the model accepts one or none.

    Raises:
        ConfigError: after the last guess.
    """
    label = Tensor(np.zeros(_SAMPLES, np.int32))
    if inputs is not None:
        yield Total(), (*_tensors(inputs), label)
        return
    yield from default_inputs(model)
    raise ConfigError(
        [
            "inputs: expected inputs that the model accepts, because what is upstream of a cut is "
            "found by running it, and it accepts no guess; give a tensor, a shape or a list of "
            "them, as in freeze(net, ..., inputs=(2, 3, 224, 224))"
        ]
    )


def default_inputs(model: nn.Cell) -> Iterator[ExampleInput]:
    """Yield inputs of two samples that the model's first layer would accept."""
    label = Tensor(np.zeros(_SAMPLES, np.int32))
    return ((Total(), (guess, label)) for guess in _guesses(model))


def _tensors(inputs: Inputs) -> list[Tensor]:
    if isinstance(inputs, Tensor) or all(isinstance(each, int) for each in inputs):
        inputs = [inputs]
    return [each if isinstance(each, Tensor) else _noise(*each) for each in inputs]  # type: ignore[misc]


def _guesses(model: nn.Cell) -> Iterator[Tensor]:
    """Yield inputs that the first layer of a known class would accept."""
    for _, cell in model.cells_and_names():
        if isinstance(cell, nn.Conv2d):
            yield from (_noise(_SAMPLES, cell.in_channels, side, side) for side in _SIDES)
        elif isinstance(cell, nn.Conv1d):
            yield from (_noise(_SAMPLES, cell.in_channels, steps) for steps in _STEPS)
        elif isinstance(cell, nn.Dense):
            yield _noise(_SAMPLES, cell.in_channels)
            yield _noise(_SAMPLES, _STEPS[0], cell.in_channels)
        elif isinstance(cell, nn.Embedding):
            yield from (Tensor(np.zeros((_SAMPLES, steps), np.int32)) for steps in _STEPS)
        else:
            continue
        return


def _noise(*shape: int) -> Tensor:
    values = np.random.default_rng(0).standard_normal(shape, np.float32)
    return Tensor(values, ms.float32)
