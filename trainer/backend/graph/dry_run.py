"""Eager: a net tried out operator by operator, in a moment, and left as it was."""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from trainer.backend.batch_types import Batch
from trainer.backend.graph.task import is_classification
from trainer.core.errors import ConfigError
from trainer.core.tensors import same_bits
from trainer.core.text import first_line

_SAMPLES = 2  # the least that batch normalisation takes in training mode
_LENGTH = 300  # characters of an error
_CONTEXT = ("mode", "pynative_synchronize")
_REFUSALS = (TypeError, ValueError, RuntimeError)


def dry_run(
    net: nn.Cell, loss: nn.Cell, batch: Batch, restart: Callable[[], None] = lambda: None
) -> tuple[Batch, bool]:
    """Check that net, loss and data fit one another, before anything is compiled.

    Args:
        net: the net; it is left as it was.
        loss: a cell of (output, label).
        batch: inputs and, last, the label.
        restart: lets the net draw again what it drew, as far as that can be.

    Returns:
        The first two samples, or the whole batch if the net wants it whole; and whether the net
        gives the same for them each time, so that nothing in it is drawn at random unseen.

    Raises:
        ConfigError: net or loss refuse the batch, the loss is no scalar, or a label is no class.
    """
    if any(column.ndim == 0 for column in batch):
        raise ConfigError(
            [f"dataset: expected batches, received {_shapes(batch)}; add .batch(...)"]
        )
    few = [Tensor(column.asnumpy()[:_SAMPLES]) for column in batch]
    with eager_mode(), preserve_state(net):
        net.set_train(True)
        restart()
        try:
            value = _try_out(net, loss, few, batch[-1])
        except _REFUSALS:
            few = list(batch)
            restart()
            try:
                value = _try_out(net, loss, few, batch[-1])
            except _REFUSALS as error:
                what = f"model, loss, dataset or device do not fit, for a batch of {_shapes(batch)}"
                raise ConfigError([f"{what}: {first_line(error)}"]) from None
        restart()
        return few, value == _try_out(net, loss, few, batch[-1])


def _try_out(net: nn.Cell, loss: nn.Cell, batch: Batch, labels: Tensor) -> bytes:
    """Return the loss's own bytes."""
    output = net(*batch[:-1])
    _check_classes(output, labels)
    value = loss(output, batch[-1])
    if not isinstance(value, Tensor) or value.size != 1:
        received = value.shape if isinstance(value, Tensor) else type(value).__name__
        raise ConfigError([f"loss: expected a tensor of one number a batch, received {received}"])
    return bytes(value.asnumpy().tobytes())


@contextmanager
def eager_mode() -> Iterator[None]:
    """Run operator by operator: a second instead of a compile.

    Each is waited for: MindSpore 2.10's threads hand over to one another so slowly that, on two
    cores, densenet201 takes 0.4 s forward this way and 2.8 s as it comes.
    """
    before, jit = {key: ms.get_context(key) for key in _CONTEXT}, os.environ.get("MS_JIT")
    ms.set_context(mode=ms.PYNATIVE_MODE, pynative_synchronize=True)
    os.environ["MS_JIT"] = "0"  # a part compiled by itself would know nothing of hooks set later
    try:
        yield
    finally:
        ms.set_context(**before)
        os.environ.pop("MS_JIT")
        if jit is not None:
            os.environ["MS_JIT"] = jit


@contextmanager
def preserve_state(net: nn.Cell) -> Iterator[None]:
    """Put back flags, modes and running statistics, all of which a forward pass may change.

    What has a gradient is not looked at: a copy of all weights would not fit beside a large net.
    """
    flags = [(p, p.requires_grad) for p in net.get_parameters()]
    modes = [(cell, cell.training) for _, cell in net.cells_and_names()]
    phase = net.phase
    values = [(p, p.asnumpy().copy()) for p, flag in flags if not flag]
    try:
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad = flag
        for cell, training in modes:
            cell.add_flags(training=training)
        net.phase = phase
        for parameter, value in values:
            if not same_bits(parameter.asnumpy(), value):
                assign_in_place(parameter, Tensor(value))


@contextmanager
def forward_hooks(
    net: nn.Cell, names: Collection[str], seen: Callable[[str, Any], Any]
) -> Iterator[None]:
    """Show what cells put out; what ``seen`` returns of it, unless None, is taken in its place."""

    def seeing(name: str) -> Any:
        def hook(cell: nn.Cell, inputs: Any, output: Any) -> Any:
            return seen(name, output)

        return hook

    chosen = [(name, cell) for name, cell in net.cells_and_names() if name in names]
    handles = [cell.register_forward_hook(seeing(name)) for name, cell in chosen]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def assign_in_place(parameter: Parameter, value: Tensor) -> None:
    """Write to a parameter where it stands.

    After ``set_data`` a jitted function that was compiled before goes on with the old values and
    updates those, without an error (MindSpore 2.10; a compiled cell does not).
    """
    ops.assign(parameter, value)


def _check_classes(output: Any, label: Tensor) -> None:
    """Look at the labels of the whole batch: a kernel met by a wrong one says little."""
    if is_classification(output, label):
        classes, labels = output.shape[1], label.asnumpy()
        if wrong := sorted({int(n) for n in labels[(labels < 0) | (labels >= classes)].flat}):
            found = ", ".join(str(number) for number in wrong)
            raise ConfigError(
                [f"model: expected labels below {classes}, its classes, found {found}"]
            )


def _shapes(batch: Batch) -> str:
    return ", ".join(f"{column.dtype} {tuple(column.shape)}" for column in batch)
