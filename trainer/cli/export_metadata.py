"""Export metadata: the names of classes and the preparation of inputs, for an exported file."""

import json
from collections.abc import Sequence
from typing import Any

from mindspore import Tensor, nn

from trainer.artifacts import preparation
from trainer.artifacts.preparation import Preparation, Task
from trainer.config.schema import Settings
from trainer.losses.activation import Activation, activation_of

CLASS_NAMES = "class_names"
_TASKS: dict[Activation, Task] = {"softmax": "classes", "sigmoid": "labels"}


def metadata(
    settings: Settings,
    loss: nn.Cell,
    batch: Sequence[Tensor],
    names: Sequence[str],
) -> tuple[dict[str, str], str]:
    """Return text by key for a file, and why the preparation is not in it; empty: it is.

    Args:
        settings: of the run.
        loss: a cell of (output, label).
        batch: inputs and, last, the label.
        names: of the classes; none: they are not known.
    """
    texts = {CLASS_NAMES: json.dumps(list(names))} if names else {}
    transform = settings.transform.spec() if settings.transform else None
    if why := _unwritten_reason(transform, len(batch) - 1):
        return texts, why
    activation = activation_of(loss)
    record = Preparation(
        transform=transform,
        task="numbers" if activation is None else _TASKS.get(activation, "numbers"),
        shape=[1, *batch[0].shape[1:]],
    )
    return {**texts, preparation.KEY: record.to_json()}, ""


def _unwritten_reason(transform: dict[str, Any] | None, inputs: int) -> str:
    if inputs != 1:
        return f"the model has {inputs} inputs"
    if problem := preparation.transform_problem(transform):
        return f"transform: {problem}"
    return ""
