"""Class check: whether the labels of a batch are classes that the model has."""

from typing import Any

from mindspore import Tensor, nn

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


def check_classes(loss: nn.Cell, output: Any, label: Tensor) -> int | None:
    """Return the number of classes, once the labels of the whole batch are checked.

    A loss may have a ``shape_problem`` of the outputs' shape, which is raised if it returns one.

    Raises:
        ConfigError: a label is no class, or the shapes do not fit.
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
