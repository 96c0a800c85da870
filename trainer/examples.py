"""Examples: inputs to try a net with, given or guessed, and what stands in for a loss."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from mindspore import Tensor, nn, ops

from trainer import eager
from trainer.errors import Mistake

Inputs: TypeAlias = Tensor | Sequence[int] | Sequence[Tensor | Sequence[int]]
_PIXELS = (32, 28, 64, 96, 128, 224, 256, 299, 384, *range(4, 64))  # the usual ones first
_STEPS = (16, 128)
_SAMPLES = 2


class Whole(nn.Cell):
    """The sum of all that a net gives, for where there is no loss; the label is not looked at."""

    def construct(self, output: Any, label: Tensor) -> Any:
        """Return one number."""
        if isinstance(output, tuple | list):
            return sum(self.construct(each, label) for each in output)
        return ops.reduce_sum(output.astype("float32")) if output.is_floating_point() else 0.0


def batch(net: nn.Cell, inputs: Inputs | None) -> list[Tensor]:
    """Return inputs for a net and, last, a label that nobody looks at.

    Args:
        net: the net; it is left as it was.
        inputs: a tensor, a shape, or several of them; None: they are guessed from the first layer.

    Raises:
        Mistake: nothing that was guessed runs through the net.
    """
    label = Tensor(np.zeros(_SAMPLES, np.int32))
    if inputs is not None:
        return [*_tensors(inputs), label]
    with eager.mode(), eager.unchanged(net):
        net.set_train(True)
        for guess in _guesses(net):
            if _runs(net, guess):
                return [guess, label]
    raise Mistake(
        [
            "inputs: a cut freezes what lies upstream of it, which shows only when the net runs, "
            "and no guessed input does; give a tensor, a shape or a list of them, as in "
            "freeze(net, ..., inputs=(2, 3, 224, 224))"
        ]
    )


def _tensors(inputs: Inputs) -> list[Tensor]:
    if isinstance(inputs, Tensor) or all(isinstance(each, int) for each in inputs):
        inputs = [inputs]
    return [each if isinstance(each, Tensor) else _noise(each) for each in inputs]  # type: ignore[arg-type]


def _noise(shape: Sequence[int]) -> Tensor:
    return Tensor(np.random.default_rng(0).normal(size=tuple(shape)).astype(np.float32))


def _guesses(net: nn.Cell) -> Iterator[Tensor]:
    """Yield inputs that the first layer of a known kind would take."""
    for _, cell in net.cells_and_names():
        if isinstance(cell, nn.Conv2d):
            yield from (_noise((_SAMPLES, cell.in_channels, size, size)) for size in _PIXELS)
        elif isinstance(cell, nn.Conv1d):
            yield from (_noise((_SAMPLES, cell.in_channels, size)) for size in _STEPS)
        elif isinstance(cell, nn.Dense):
            yield _noise((_SAMPLES, cell.in_channels))
            yield _noise((_SAMPLES, _STEPS[0], cell.in_channels))
        elif isinstance(cell, nn.Embedding):
            yield from (Tensor(np.zeros((_SAMPLES, size), np.int32)) for size in _STEPS)
        else:
            continue
        return


def _runs(net: nn.Cell, guess: Tensor) -> bool:
    try:
        net(guess)
    except (TypeError, ValueError, RuntimeError):
        return False
    return True
