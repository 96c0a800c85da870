"""Schedule settings: the keys of the shipped learning-rate schedules, checked. Pure Python."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainer.config.validation_errors import describe

SHIPPED = "trainer.optim.schedules."
PLATEAU = "plateau"
_CONSTANT = f"{SHIPPED}constant.constant"


class ScheduleKeys(BaseModel):
    """The keys of the shipped schedules; ``conf/schedule`` explains each."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    warmup_epochs: float | None = Field(None, ge=0, allow_inf_nan=False)
    warmup_steps: int | None = Field(None, ge=0)
    warmup_factor: float = Field(0.0, ge=0, le=1)
    min_lr: float = Field(0.0, ge=0, allow_inf_nan=False)
    decay_epochs: float | None = Field(None, gt=0, allow_inf_nan=False)
    decay_rate: float = Field(1.0, gt=0, le=1)
    milestones: list[float] | None = None
    power: float = Field(1.0, gt=0, allow_inf_nan=False)
    pct_start: float = Field(0.3, gt=0, lt=1)
    div_factor: float = Field(25.0, ge=1, allow_inf_nan=False)
    final_div_factor: float = Field(1e4, ge=1, allow_inf_nan=False)
    patience: int = Field(0, ge=0)
    threshold: float = Field(0.0, ge=0, allow_inf_nan=False)
    cooldown: int = Field(0, ge=0)


def is_shipped(spec: Mapping[str, Any]) -> bool:
    """Return whether a schedule is the trainer's, whose keys have the trainer's units."""
    return str(spec.get("_target_")).startswith(SHIPPED)


def is_constant(spec: Mapping[str, Any]) -> bool:
    """Return whether a schedule is the constant one without a warm-up, which is as none."""
    warmup = spec.get("warmup_epochs") or spec.get("warmup_steps")
    return spec.get("_target_") == _CONSTANT and not warmup


def short_name(target: str) -> str:
    """Return the name of a shipped schedule in ``conf/schedule``; of another one, its target."""
    return target.split(".")[-2] if target.startswith(SHIPPED) else target


def problems(spec: Mapping[str, Any] | None, epochs: int, lr: float | None) -> list[str]:
    """Return what is wrong with a shipped schedule's keys, as far as epochs show it.

    Args:
        spec: ``_target_`` and its keys.
        epochs: of the run.
        lr: the peak learning rate; None: it is not known.
    """
    if spec is None or not is_shipped(spec):
        return []
    arguments = {key: value for key, value in spec.items() if not key.startswith("_")}
    try:
        keys = ScheduleKeys.model_validate(arguments)
    except ValidationError as error:
        details = error.errors(include_url=False)
        return [f"schedule.{describe(detail, ScheduleKeys)}" for detail in details]
    return [f"schedule.{problem}" for problem in _problems(keys, epochs, lr)]


def _problems(keys: ScheduleKeys, epochs: int, lr: float | None) -> Iterator[str]:
    start = keys.warmup_epochs or 0.0
    if keys.warmup_epochs is not None and keys.warmup_steps is not None:
        received = f"{keys.warmup_epochs:g} and schedule.warmup_steps={keys.warmup_steps}"
        yield f"warmup_epochs: expected null together with warmup_steps, received {received}"
    if start > epochs:
        yield f"warmup_epochs: expected at most epochs={epochs}, received {start:g}"
    if lr is not None and keys.min_lr > lr:
        yield f"min_lr: expected at most optimizer.lr={lr:g}, received {keys.min_lr:g}"
    if keys.milestones is not None and start <= epochs:
        yield from _milestone_problems(keys.milestones, start, epochs)


def _milestone_problems(milestones: list[float], start: float, epochs: int) -> Iterator[str]:
    if not milestones or sorted({0.0, *milestones})[1:] != milestones:
        received = ", ".join(f"{at:g}" for at in milestones) or "none"
        yield f"milestones: expected ascending epochs above 0, received {received}"
    if late := [at for at in milestones if at + start >= epochs]:
        after = f" after a warm-up of {start:g}" if start else ""
        expected = f"expected epochs before the end, below {epochs - start:g}{after}"
        yield f"milestones: {expected}, received {', '.join(f'{at:g}' for at in late)}"
