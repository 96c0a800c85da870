"""Model outputs: what a file that computes is compared with."""

from collections.abc import Iterator, Sequence
from typing import Any

from mindspore import Tensor, nn

from trainer.artifacts.export_formats import Arrays
from trainer.backend import execution_mode


def model_outputs(model: nn.Cell, inputs: Sequence[Tensor]) -> Arrays:
    """Return all tensors of a model's output."""
    return [tensor.asnumpy() for tensor in _flat(execution_mode.executable(model)(*inputs))]


def _flat(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    else:
        for part in output:
            yield from _flat(part)
