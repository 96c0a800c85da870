"""Misfit: why a model does not take a batch, in other words than a kernel's where possible."""

import re

import mindspore as ms

from trainer.backend.batch_types import Batch
from trainer.core.text import first_line

_EXPECTED_NUMBER = "expected tensors and Python's own numbers in arithmetic"


def misfit(batch: Batch, error: Exception) -> str:
    """Return why a model does not take a batch.

    Args:
        batch: inputs and, last, the label.
        error: what the model raised.
    """
    problem = f"model, loss, dataset or device do not fit, for a batch of {shapes(batch)}"
    return known_cause(batch, error) or f"{problem}: {first_line(error)}"


def known_cause(batch: Batch, error: Exception) -> str:
    """Return the problem with its remedy, if it is known; else nothing."""
    if kinds := sorted({str(c.dtype) for c in batch[:-1] if c.dtype in (ms.float64, ms.uint8)}):
        problem = f"expected float32 inputs, received {' and '.join(kinds)}"
        return (
            f"dataset: {problem}; convert them in the pipeline: .map(TypeCast(mindspore.float32), "
            "[COLUMN]), of mindspore.dataset.transforms"
        )
    if number := re.search(r"<class '(numpy\.\w+)'>", str(error)):
        problem = f"model or loss: {_EXPECTED_NUMBER}, received {number[1]}; use float(...)"
        return f"{problem}: {first_line(error)}"
    return ""


def shapes(batch: Batch) -> str:
    """Return types and shapes of a batch, as text."""
    return ", ".join(f"{column.dtype} {tuple(column.shape)}" for column in batch)
