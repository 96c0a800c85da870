"""Evaluation: what is measured on the validation data and when, and the monitored value."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from trainer.config import metrics
from trainer.config.groups import Group
from trainer.config.policy import RECORDED
from trainer.core.errors import nearest

LOSS, ACCURACY = "validation_loss", "accuracy"
EMA = "ema."
_BUILT_IN: dict[str, metrics.Mode] = {LOSS: "min", ACCURACY: "max"}


def _known_metric(name: str, info: ValidationInfo) -> str:
    if info.context != RECORDED and name not in metrics.names():
        raise ValueError(f"expected some of {', '.join(metrics.names())}, received {name!r}")
    return name


class Evaluation(Group):
    """What is measured on the validation data, when, and which value decides.

    Attributes:
        metrics: measured in addition to loss and accuracy.
        monitor: the value that decides what is best.
        every_epochs: epochs from one evaluation to the next; the last epoch has one in any case.
        every_steps: optimizer steps of an epoch between two further evaluations; None: none.
        tta: what outputs are averaged over, images and their mirror images; None: nothing.
    """

    metrics: list[Annotated[str, AfterValidator(_known_metric)]] = []
    monitor: str = LOSS
    every_epochs: int = Field(1, ge=1)
    every_steps: int | None = Field(None, ge=1)
    tta: Literal["hflip"] | None = None

    @field_validator("monitor")
    @classmethod
    def _measured(cls, name: str, info: ValidationInfo) -> str:
        if "metrics" in info.data and (problem := unknown(name, info.data["metrics"])):
            raise ValueError(problem)
        return name


class EarlyStopping(Group):
    """When a run ends because the monitored value no longer improves.

    Attributes:
        patience: evaluations without an improvement after which the run ends; None: it does not.
        min_delta: how much better than the best a value has to be to count as an improvement.
        restore_best: whether the final weights are those with the best monitored value.
    """

    patience: int | None = Field(None, ge=1)
    min_delta: float = Field(0.0, ge=0, allow_inf_nan=False)
    restore_best: bool = False


def unknown(name: str, measured: list[str]) -> str:
    """Return why a name cannot be monitored; empty: it can.

    Args:
        name: of the value.
        measured: the metrics of ``evaluation.metrics``.
    """
    known = list(dict.fromkeys([*_BUILT_IN, *measured]))
    plain = name.removeprefix(EMA)
    if plain in known:
        return ""
    if plain in metrics.names():
        remedy = f"; to measure it: evaluation.metrics=[{','.join([*measured, plain])}]"
    else:
        remedy = nearest(plain, [*known, *metrics.names()])
    expected = f"expected one of {', '.join(known)}, or {EMA} before one of them"
    return f"{expected}, received {name!r}{remedy}"


def mode(name: str) -> metrics.Mode:
    """Return whether the lowest or the highest value of what is monitored is the best."""
    plain = name.removeprefix(EMA)
    return _BUILT_IN.get(plain) or metrics.mode(plain)


def problems(
    evaluation: Evaluation, stopping: EarlyStopping, best: str | None, has_ema: bool = False
) -> list[str]:
    """Return what does not fit together in the settings of evaluation and checkpoints.

    Args:
        evaluation: the settings of the same name.
        stopping: likewise.
        best: ``checkpoint.best``.
        has_ema: whether averages of the weights are evaluated too.
    """
    texts = []
    for key, name in (("evaluation.monitor", evaluation.monitor), ("checkpoint.best", best)):
        if name is not None and name.startswith(EMA) and not has_ema:
            texts.append(f"{key}: expected ema.decay with {name}, received null")
    if best is not None and (problem := unknown(best, evaluation.metrics)):
        texts.append(f"checkpoint.best: {problem}")
    elif stopping.restore_best and best != evaluation.monitor:
        expected = f"expected evaluation.monitor ({evaluation.monitor})"
        why = "early_stopping.restore_best, which takes the best checkpoint"
        texts.append(f"checkpoint.best: {expected} with {why}, received {best or 'null'}")
    return texts
