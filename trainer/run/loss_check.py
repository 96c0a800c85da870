"""Loss check: what of a loss does not fit the settings, before the data are read."""

from collections.abc import Mapping
from typing import Any

from mindspore import nn

from trainer.backend.graph.task import tasks
from trainer.config.schema import Settings
from trainer.metrics.build_metrics import Metric, task_problems


def loss_problems(
    settings: Settings, loss: nn.Cell | None, metrics: Mapping[str, Metric]
) -> list[str]:
    """Return what of a loss does not fit settings and metrics; None: it could not be built."""
    if loss is None:
        problems = [_number_problem(settings, settings.loss.spec().get("class_weights"))]
    else:
        weights = getattr(loss, "class_weights", None)
        problems = [*task_problems(metrics, tasks(loss)), _number_problem(settings, weights)]
    return [problem for problem in problems if problem]


def _number_problem(settings: Settings, weights: Any) -> str:
    """Return that the weights are not as many as ``model.num_classes``; empty: it is not known.

    Other models show their number of classes with the first batch.
    """
    classes: Any = settings.model.spec().get("num_classes")
    if not isinstance(classes, int) or not isinstance(weights, list) or len(weights) == classes:
        return ""
    expected = f"expected {classes} weights, one for each of model.num_classes"
    return f"loss.class_weights: {expected}, received {len(weights)}"
