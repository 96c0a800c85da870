"""Export metadata: the names of classes and the preparation of inputs, for an exported file."""

import json
from collections.abc import Sequence
from typing import Any

from mindspore import Tensor, nn

from trainer.artifacts import preparation
from trainer.artifacts.preparation import Preparation, Task
from trainer.backend import execution_mode
from trainer.backend.graph import task
from trainer.config.schema import Settings

CLASS_NAMES = "class_names"
_TASKS: dict[str, Task] = {task.CLASSIFICATION: "classes", task.MULTILABEL: "labels"}


def metadata(
    settings: Settings,
    model: nn.Cell,
    loss: nn.Cell,
    batch: Sequence[Tensor],
    names: Sequence[str],
) -> tuple[dict[str, str], str]:
    """Return text by key for a file, and why the preparation is not in it; empty: it is.

    Args:
        settings: of the run.
        model: in inference mode.
        loss: a cell of (output, label).
        batch: inputs and, last, the label.
        names: of the classes; none: they are not known.
    """
    texts = {CLASS_NAMES: json.dumps(list(names))} if names else {}
    transform = settings.transform.spec() if settings.transform else None
    if why := _unwritten_reason(transform, len(batch) - 1):
        return texts, why
    *inputs, label = batch
    shown_task = task.task(execution_mode.executable(model)(*inputs), label, loss)
    record = Preparation(
        transform=transform,
        task=_TASKS.get(shown_task or "", "numbers"),
        shape=[1, *inputs[0].shape[1:]],
    )
    return {**texts, preparation.KEY: record.to_json()}, ""


def _unwritten_reason(transform: dict[str, Any] | None, inputs: int) -> str:
    if inputs != 1:
        return f"the model has {inputs} inputs"
    if problem := preparation.transform_problem(transform):
        return f"transform: {problem}"
    return ""
