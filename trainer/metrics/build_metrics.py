"""Metrics of the settings, as functions."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trainer.config import metrics
from trainer.config.instantiate import instantiate_target
from trainer.core import text
from trainer.core.errors import ConfigError

# Takes the outputs and the labels of the whole validation set, [N, ...] each.
Metric: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], float]


def build_metrics(names: Sequence[str]) -> dict[str, Metric]:
    """Return metrics by name; what each is, a YAML file of ``conf/metric`` says.

    Raises:
        ConfigError: a target does not exist, refused its arguments, or cannot be called.
    """
    built = {name: _build(name) for name in names}
    if problems := [
        f"evaluation.metrics: expected {name} to be a function, received a {type(metric).__name__}"
        for name, metric in built.items()
        if not callable(metric)
    ]:
        raise ConfigError(problems)
    return built


def _build(name: str) -> Any:
    return instantiate_target(f"evaluation.metrics: {name}", metrics.spec(name))


def task_problems(metrics: Mapping[str, Metric], tasks: Collection[str]) -> list[str]:
    """Return the problems of metrics that are for other tasks.

    Args:
        metrics: by name. One without ``tasks`` is for all.
        tasks: of the loss, or of the data; none: they are not known.
    """
    problems = []
    for name, metric in metrics.items():
        its_own = getattr(getattr(metric, "func", metric), "tasks", ())
        if tasks and its_own and not set(its_own) & set(tasks):
            expected = f"expected a metric for {' or '.join(sorted(tasks))}, the loss's task"
            problems.append(
                f"evaluation.metrics: {expected}, received {name}, which is for "
                f"{' and '.join(its_own)}"
            )
    return problems


def class_problems(metrics: Mapping[str, Metric], classes: int | None) -> list[str]:
    """Return the problems of metrics that need more classes.

    Args:
        metrics: by name. One without ``more_classes_than`` takes any number.
        classes: their number; None: labels are no classes.
    """
    problems = []
    for name, metric in metrics.items():
        key = getattr(getattr(metric, "func", metric), "more_classes_than", "")
        number = getattr(metric, "keywords", {}).get(key)
        if classes is not None and isinstance(number, int) and classes <= number:
            expected = f"expected a metric for {classes} classes"
            problem = f"received {name}, which needs more than {number}"
            problems.append(f"evaluation.metrics: {expected}, {problem}")
    return problems


def compute(
    metrics: Mapping[str, Metric], batches: Sequence[tuple[NDArray[Any], NDArray[Any]]]
) -> dict[str, float]:
    """Return the value of each metric.

    Args:
        metrics: by name.
        batches: outputs and labels of each.

    Raises:
        ConfigError: a metric does not fit these outputs and labels; names it.
    """
    if not metrics:
        return {}
    if not all(isinstance(output, np.ndarray) for output, _ in batches):
        names = ", ".join(metrics)
        expected = "expected a model that returns one tensor, received one that returns several"
        raise ConfigError([f"evaluation.metrics={names}: {expected}"])
    columns = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    values, problems = {}, []
    for name, metric in metrics.items():
        try:
            values[name] = float(metric(*columns))
        except (ValueError, TypeError, IndexError) as error:
            shapes = f"outputs {columns[0].shape} and labels {columns[1].shape}"
            why = text.first_line(error)
            problems.append(f"evaluation.metrics: {name} does not fit {shapes}: {why}")
    if problems:
        raise ConfigError(problems)
    return values
