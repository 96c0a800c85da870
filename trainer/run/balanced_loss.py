"""Balanced loss: ``loss.class_weights=balanced`` becomes numbers, before anything is compiled."""

from mindspore import nn

from trainer.backend.graph.task import ignored_label
from trainer.checkpoint.resume import ResumePoint
from trainer.core.errors import BadData, ConfigError
from trainer.data.batch_source import BatchSource
from trainer.data.class_counts import class_counts
from trainer.losses.class_weights import BALANCED


def balance(
    loss: nn.Cell, train: BatchSource, classes: int | None, point: ResumePoint | None
) -> list[float] | None:
    """Set the class weights of a loss that asks for balanced ones; None: it does not.

    A run that resumes keeps its own, whatever its data are now.

    Args:
        loss: its weights are set.
        train: the (inputs..., label) batches for training.
        classes: number of classes; None: labels are no classes.
        point: where the run resumes; None: it is a new run.

    Raises:
        ConfigError: labels are no classes, or a class has none.
    """
    if not _asks(loss):
        return None
    if classes is None:
        problem = "expected labels that are class numbers, received others"
        raise ConfigError([f"loss.class_weights={BALANCED}: {problem}"])
    if point is not None and point.class_weights is not None:
        loss.set_class_weights(point.class_weights)
        return loss.class_weights
    try:
        loss.set_class_counts(class_counts(train, classes, ignored_label(loss)))
    except (ValueError, BadData) as error:
        raise ConfigError([f"loss.class_weights={BALANCED}: {error}"]) from None
    return loss.class_weights


def _asks(loss: nn.Cell) -> bool:
    is_balanced = getattr(loss, "class_weights", None) == BALANCED
    return is_balanced and hasattr(loss, "set_class_counts")
