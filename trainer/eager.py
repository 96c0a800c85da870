"""Eager: a net tried out operator by operator, in a moment, and left as it was."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from trainer.data import Batch
from trainer.errors import Mistake
from trainer.evaluate import is_classification

_SAMPLES = 2  # the least that batch normalisation takes in training mode


def few(batch: Batch) -> list[Tensor]:
    """Return the first two samples of a batch, column by column."""
    return [Tensor(column.asnumpy()[:_SAMPLES]) for column in batch]


def check(net: nn.Cell, loss: nn.Cell, batch: Batch) -> None:
    """Check that net, loss and data fit one another, before anything is compiled.

    Args:
        net: the net; it is left as it was.
        loss: a cell of (output, label).
        batch: inputs and, last, the label.

    Raises:
        Mistake: net or loss refuse the batch, the loss is no scalar, or a label is no class.
    """
    *inputs, label = few(batch)
    with mode(), unchanged(net):
        net.set_train(True)
        try:
            output = net(*inputs)
            _check_classes(output, batch[-1])
            value = loss(output, label)
        except (TypeError, ValueError, RuntimeError) as error:
            raise Mistake([f"{_fit(batch)}: {_first_line(error)}"]) from None
    if value.size != 1:
        raise Mistake([f"loss: expected one number a batch, received shape {value.shape}"])


@contextmanager
def mode() -> Iterator[None]:
    """Run operator by operator: a second instead of a compile, and NaN is not folded away."""
    before = ms.get_context("mode")
    ms.set_context(mode=ms.PYNATIVE_MODE)
    try:
        yield
    finally:
        ms.set_context(mode=before)


@contextmanager
def unchanged(net: nn.Cell) -> Iterator[None]:
    """Put back flags, modes and running statistics, all of which a forward pass may change."""
    flags = [(p, p.requires_grad) for p in net.get_parameters()]
    modes = [(cell, cell.training) for _, cell in net.cells_and_names()]
    phase = net.phase
    values = [(p, p.asnumpy().copy()) for p in net.get_parameters()]
    try:
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad = flag
        for cell, training in modes:
            cell.add_flags(training=training)
        net.phase = phase
        for parameter, value in values:
            if parameter.asnumpy().tobytes() != value.tobytes():
                write(parameter, Tensor(value))


def write(parameter: Parameter, value: Tensor) -> None:
    """Write to a parameter where it stands.

    After ``set_data`` a jitted function that was compiled before goes on with the old values and
    updates those, without an error (MindSpore 2.10; a compiled cell does not).
    """
    ops.assign(parameter, value)


def _check_classes(output: Any, label: Tensor) -> None:
    """Look at the labels of the whole batch: a kernel met by a wrong one says little."""
    if is_classification(output, label):
        classes, largest = output.shape[1], int(label.asnumpy().max())
        if largest >= classes:
            raise Mistake([f"model: expected labels below {classes}, its classes, found {largest}"])


def _fit(batch: Sequence[Tensor]) -> str:
    shapes = ", ".join(f"{column.dtype} {tuple(column.shape)}" for column in batch)
    return f"model, loss and dataset do not fit, for a batch of {shapes}"


def _first_line(error: Exception) -> str:
    """Return the first line of a message that says something; MindSpore draws rules around it."""
    lines = (line.strip(" -") for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)
