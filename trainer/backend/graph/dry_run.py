"""Dry run: a model run eagerly, operator by operator, in a moment, and left unchanged."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from trainer.backend import execution_mode, launch_blocking
from trainer.backend.batch_types import Batch
from trainer.backend.compile import compile_errors
from trainer.backend.cpu_threads import with_dummy_branch
from trainer.backend.graph.class_check import check_classes
from trainer.backend.graph.label_shape import check_label_shape
from trainer.backend.graph.misfit import known_cause, misfit, shapes
from trainer.backend.graph.task import task
from trainer.core.errors import ConfigError
from trainer.core.tensors import same_bits
from trainer.core.text import first_line

_SAMPLES = 2  # the fewest that batch normalisation accepts in training mode
Forward: TypeAlias = Callable[..., Any]
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
        eager_error: why the model only runs compiled; empty: it also runs eagerly.
    """

    samples: Batch
    repeatable: bool
    classes: int | None
    task: str | None
    eager_error: str = ""


class _Rejected(Exception):
    """The model or the loss raised an error, which is the cause."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(first_line(cause))
        self.cause = cause


def dry_run(
    model: nn.Cell, loss: nn.Cell, batch: Batch, restart: Callable[[], None] = lambda: None
) -> DryRun:
    """Check that model, loss and data fit together, before anything is trained.

    The model runs eagerly, in a moment; if it cannot, compiled.

    Args:
        model: the model; it is left unchanged.
        loss: a cell of (output, label).
        batch: inputs and, last, the label.
        restart: makes the model draw the same random numbers again, as far as possible.

    Raises:
        ConfigError: model or loss reject the batch, the loss is no scalar, a label is no class, or
            labels are broadcast.
    """
    _check_batched(batch)
    try:
        return _eager_run(model, loss, batch, restart)
    except _Rejected as error:
        rejected = error
    if execution_mode.compiles() and _may_compile(batch, rejected.cause):
        with suppress(_Rejected):
            result = _compiled_run(model, loss, batch, restart)
            return replace(result, eager_error=str(rejected))
    raise ConfigError([misfit(batch, rejected.cause)]) from None


def _eager_run(model: nn.Cell, loss: nn.Cell, batch: Batch, restart: Callable[[], None]) -> DryRun:
    """Run a few samples, or else the whole batch, operator by operator."""
    few, more = _first(batch, _SAMPLES), _first(batch, _SAMPLES + 1)
    loss_of = partial(_loss_bytes, model, loss, batch[-1])
    with eager_mode(), preserve_state(model):
        model.set_train(True)
        return _run(loss_of, restart, [(few, more), (list(batch), more)])


def _check_batched(batch: Batch) -> None:
    if any(column.ndim == 0 for column in batch):
        expected = f"expected batches, received {shapes(batch)}"
        raise ConfigError([f"dataset: {expected}; add .batch(...)"])


def _may_compile(batch: Batch, error: Exception) -> bool:
    """Tell whether a model that fails eagerly may run compiled.

    Wrong shapes and types, which are other errors, would fail again, and print MindSpore's log.
    """
    return isinstance(error, RuntimeError) and not known_cause(batch, error)


def _compiled_run(
    model: nn.Cell, loss: nn.Cell, batch: Batch, restart: Callable[[], None]
) -> DryRun:
    """Run the whole batch through an executable of its own: the model's graphs come later."""

    def forward(*inputs: Tensor) -> Any:
        try:
            return run(*inputs)
        except ConfigError as error:  # the compiler's
            raise RuntimeError(error.problems[0]) from None

    run = compile_errors.reported(with_dummy_branch(model))
    with preserve_state(model), compile_errors.as_config_error(loss):
        model.set_train(True)
        return _run(partial(_loss_bytes, forward, loss, batch[-1]), restart, [(list(batch), None)])


def _run(
    loss_of: Callable[[Batch], tuple[bytes, int | None, str | None]],
    restart: Callable[[], None],
    choices: Sequence[tuple[Batch, Batch | None]],
) -> DryRun:
    """Return what the first samples that the model takes show.

    Args:
        loss_of: ``_loss_bytes`` of samples.
        restart: see ``dry_run``.
        choices: samples, and some more of them: a dimension may be two by chance, and broadcast.

    Raises:
        _Rejected: it takes none.
    """
    rejected: _Rejected | None = None
    for samples, more in choices:
        restart()
        try:
            value, classes, shown_task = loss_of(samples)
            if classes is None and more is not None:
                loss_of(more)
            restart()
            return DryRun(samples, value == loss_of(samples)[0], classes, shown_task)
        except _BATCH_ERRORS as error:
            rejected = _Rejected(error)
    assert rejected is not None
    raise rejected from None


def _first(batch: Batch, count: int) -> Batch:
    return [Tensor(column.asnumpy()[:count]) for column in batch]


def _loss_bytes(
    forward: Forward, loss: nn.Cell, labels: Tensor, batch: Batch
) -> tuple[bytes, int | None, str | None]:
    """Return the loss's own bytes, the number of classes, and the task; see ``DryRun``."""
    output = forward(*batch[:-1])
    classes = check_classes(loss, output, labels)
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
