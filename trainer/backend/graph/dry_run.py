"""Dry run: a model run eagerly, operator by operator, in a moment, and left unchanged."""

import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from trainer.backend import launch_blocking
from trainer.backend.batch_types import Batch
from trainer.backend.graph.label_shape import check_label_shape
from trainer.backend.graph.task import (
    MULTILABEL,
    class_axis,
    class_axis_problem,
    ignored_label,
    is_classification,
    label_problem,
    share_problem,
    task,
)
from trainer.core.errors import ConfigError
from trainer.core.tensors import same_bits
from trainer.core.text import first_line

_SAMPLES = 2  # the fewest that batch normalisation accepts in training mode
_EXPECTED_NUMBER = "expected tensors and Python's own numbers in arithmetic"
_BATCH_ERRORS = (TypeError, ValueError, RuntimeError)  # what a model raises for a wrong batch


@dataclass(frozen=True)
class DryRun:
    """What a dry run has shown.

    Attributes:
        samples: the first two samples, or the whole batch if the model needs it.
        repeatable: whether the loss is the same each time, so that nothing hidden is drawn at
            random.
        classes: number of classes; None: labels are no classes.
        task: what the model is trained for; None: it is not known.
    """

    samples: Batch
    repeatable: bool
    classes: int | None
    task: str | None


def dry_run(
    model: nn.Cell, loss: nn.Cell, batch: Batch, restart: Callable[[], None] = lambda: None
) -> DryRun:
    """Check that model, loss and data fit together, before anything is compiled.

    Args:
        model: the model; it is left unchanged.
        loss: a cell of (output, label).
        batch: inputs and, last, the label.
        restart: makes the model draw the same random numbers again, as far as possible.

    Raises:
        ConfigError: model or loss reject the batch, the loss is no scalar, a label is no class, or
            labels are broadcast.
    """
    if any(column.ndim == 0 for column in batch):
        raise ConfigError(
            [f"dataset: expected batches, received {_shapes(batch)}; add .batch(...)"]
        )
    with eager_mode(), preserve_state(model):
        model.set_train(True)
        samples, value, classes, shown_task = _first_accepted(model, loss, batch, restart)
        restart()
        repeatable = value == _loss_bytes(model, loss, samples, batch[-1])[0]
        return DryRun(samples, repeatable, classes, shown_task)


def _first_accepted(
    model: nn.Cell, loss: nn.Cell, batch: Batch, restart: Callable[[], None]
) -> tuple[Batch, bytes, int | None, str | None]:
    """Return the first two samples, or else the whole batch, and what ``_loss_bytes`` does."""
    error: Exception | None = None
    for samples in (_first(batch, _SAMPLES), list(batch)):
        restart()
        try:
            accepted = samples, *_loss_bytes(model, loss, samples, batch[-1])
            if accepted[2] is None:  # another dimension may be two by chance, and broadcast
                _loss_bytes(model, loss, _first(batch, _SAMPLES + 1), batch[-1])
            return accepted
        except _BATCH_ERRORS as caught:
            error = caught
    assert error is not None
    raise ConfigError([_misfit(batch, error)]) from None


def _first(batch: Batch, count: int) -> Batch:
    return [Tensor(column.asnumpy()[:count]) for column in batch]


def _misfit(batch: Batch, error: Exception) -> str:
    """Return why a model does not take a batch: other words than a kernel's, where possible."""
    if kinds := sorted({str(c.dtype) for c in batch[:-1] if c.dtype in (ms.float64, ms.uint8)}):
        problem = f"expected float32 inputs, received {' and '.join(kinds)}"
        return (
            f"dataset: {problem}; convert them in the pipeline: .map(TypeCast(mindspore.float32), "
            "[COLUMN]), of mindspore.dataset.transforms"
        )
    misfit = f"model, loss, dataset or device do not fit, for a batch of {_shapes(batch)}"
    if number := re.search(r"<class '(numpy\.\w+)'>", str(error)):
        misfit = f"model or loss: {_EXPECTED_NUMBER}, received {number[1]}; use float(...)"
    return f"{misfit}: {first_line(error)}"


def _loss_bytes(
    model: nn.Cell, loss: nn.Cell, batch: Batch, labels: Tensor
) -> tuple[bytes, int | None, str | None]:
    """Return the loss's own bytes, the number of classes, and the task; see ``DryRun``."""
    output = model(*batch[:-1])
    classes = _check_classes(loss, output, labels)
    value = loss(output, batch[-1])
    if not isinstance(value, Tensor) or value.size != 1:
        received = value.shape if isinstance(value, Tensor) else type(value).__name__
        raise ConfigError([f"loss: expected a tensor of one number per batch, received {received}"])
    check_label_shape(loss, output, batch[-1])
    return bytes(value.asnumpy().tobytes()), classes, task(output, labels, loss)


@contextmanager
def eager_mode() -> Iterator[None]:
    """Run operator by operator, which takes a second instead of a compilation.

    Each operator is waited for: the threads of MindSpore 2.10 hand over to one another so slowly
    that, on two cores, densenet201 takes 0.4 s forward this way and 2.8 s with default settings.
    """
    mode, was_blocking = ms.get_context("mode"), launch_blocking.is_enabled()
    jit = os.environ.get("MS_JIT")
    ms.set_context(mode=ms.PYNATIVE_MODE)
    launch_blocking.set_enabled(True)
    os.environ["MS_JIT"] = "0"  # a part compiled by itself would ignore hooks set later
    try:
        yield
    finally:
        ms.set_context(mode=mode)
        launch_blocking.set_enabled(was_blocking)
        os.environ.pop("MS_JIT")
        if jit is not None:
            os.environ["MS_JIT"] = jit


@contextmanager
def preserve_state(model: nn.Cell) -> Iterator[None]:
    """Restore flags, modes and running statistics, all of which a forward pass may change.

    Parameters with a gradient are not restored: a copy of all weights would not fit in memory next
    to a large model.
    """
    flags = [(p, p.requires_grad) for p in model.get_parameters()]
    modes = [(cell, cell.training) for _, cell in model.cells_and_names()]
    phase = model.phase
    values = [(p, p.asnumpy().copy()) for p, flag in flags if not flag]
    try:
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad = flag
        for cell, training in modes:
            cell.add_flags(training=training)
        model.phase = phase
        for parameter, value in values:
            if not same_bits(parameter.asnumpy(), value):
                assign_in_place(parameter, Tensor(value))


@contextmanager
def forward_hooks(
    model: nn.Cell, names: Collection[str], on_output: Callable[[str, Any], Any]
) -> Iterator[None]:
    """Pass the outputs of cells to ``on_output``; what it returns, unless None, replaces them."""

    def hook_for(name: str) -> Any:
        def hook(cell: nn.Cell, inputs: Any, output: Any) -> Any:
            return on_output(name, output)

        return hook

    cells = [(name, cell) for name, cell in model.cells_and_names() if name in names]
    handles = [cell.register_forward_hook(hook_for(name)) for name, cell in cells]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def assign_in_place(parameter: Parameter, value: Tensor) -> None:
    """Write to a parameter's own memory.

    After ``set_data`` a jitted function that was compiled before continues with the old values and
    updates those, without an error (MindSpore 2.10; a compiled cell does not).
    """
    ops.assign(parameter, value)


def _check_classes(loss: nn.Cell, output: Any, label: Tensor) -> int | None:
    """Return the number of classes, once the labels of the whole batch are checked.

    A loss may have a ``shape_problem`` of the outputs' shape, which is raised if it returns one.
    """
    if problem := class_axis_problem(output, label, loss):
        raise ConfigError([problem])
    check = getattr(loss, "shape_problem", None)
    if check and isinstance(output, Tensor) and (problem := check(output.shape)):
        raise ConfigError([problem])
    if task(output, label, loss) == MULTILABEL and (problem := share_problem(label.asnumpy())):
        raise ConfigError([f"dataset: {problem}"])
    if not is_classification(output, label, loss):
        return None
    classes = int(output.shape[class_axis(loss)])
    if problem := label_problem(label.asnumpy(), classes, ignored_label(loss)):
        raise ConfigError([f"dataset: {problem}"])
    return classes


def _shapes(batch: Batch) -> str:
    return ", ".join(f"{column.dtype} {tuple(column.shape)}" for column in batch)
