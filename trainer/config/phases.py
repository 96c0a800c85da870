"""Phases: the parts of a run, each with what is frozen in it and when it ends. Pure Python."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from trainer.config.groups import Group, named
from trainer.config.phase_policy import PhasePolicy, expand
from trainer.config.policy import RECORDED, MethodName, Pattern, RuleSetting, as_list
from trainer.core.errors import nearest

_NAME = r"^[A-Za-z0-9_.-]+$"


def _expanded(value: Any, info: ValidationInfo) -> Any:
    return expand(value, recorded=info.context == RECORDED)


def _listed(value: Any) -> Any:
    return value if value is None else as_list(value)


class Until(Group):
    """When a phase ends; exactly one of ``epochs``, ``share``, ``steps`` and ``monitor``.

    Attributes:
        epochs: its length in epochs, which need not be whole.
        share: its length as a share of the run.
        steps: its length in optimizer steps.
        monitor: the value whose lack of improvement ends it, as in ``evaluation.monitor``.
        patience: evaluations without an improvement after which it ends.
        min_delta: how much better than the best a value has to be to count as an improvement.
        max_epochs: its greatest length if the value keeps improving.
    """

    epochs: float | None = Field(None, gt=0, allow_inf_nan=False)
    share: float | None = Field(None, gt=0, allow_inf_nan=False)
    steps: int | None = Field(None, ge=1)
    monitor: str | None = None
    patience: int | None = Field(None, ge=1)
    min_delta: float = Field(0.0, ge=0, allow_inf_nan=False)
    max_epochs: float | None = Field(None, gt=0, allow_inf_nan=False)

    @property
    def ends(self) -> list[str]:
        """The names of the ends that are set."""
        names = ("epochs", "share", "steps", "monitor")
        return [name for name in names if getattr(self, name) is not None]


class PhaseSetting(Group):
    """A part of a run.

    Attributes:
        name: of its own, for messages and files.
        policy: the name of a policy in ``conf/policy``, with keys of its own if it is a mapping.
        rules: the rules of a policy, in its place.
        freeze: as at the top level, whose value holds if there is none here.
        method: likewise.
        norm: likewise.
        until: when it ends; None, in the last phase only: at the end of the run.
        start_from: the weights that it starts with: the last, or the best of the run so far.
        lr_factor: multiplies the learning rates.
        warmup_epochs: epochs in which the learning rates rise from 0.
        optimizer_state: ``keep``: carried over by parameter name; ``new``: what is thawed starts
            without; ``reset``: everything does.
    """

    name: Annotated[str, Field(pattern=_NAME)]
    policy: Annotated[PhasePolicy | None, BeforeValidator(_expanded)] = None
    rules: list[RuleSetting] | None = None
    freeze: Annotated[list[Pattern] | None, BeforeValidator(_listed)] = None
    method: MethodName | None = None
    norm: Literal["eval", "train"] | None = None
    until: Until | None = None
    start_from: Literal["last", "best"] = "last"
    lr_factor: float = Field(1.0, gt=0, allow_inf_nan=False)
    warmup_epochs: float = Field(0.0, ge=0, allow_inf_nan=False)
    optimizer_state: Literal["keep", "new", "reset"] = "keep"

    def rules_set(self) -> list[RuleSetting]:
        """Return its rules, or those of its policy."""
        return self.rules or (self.policy.rules if self.policy else [])


class Phases(BaseModel):
    """The phases of a run: a list, or a generator with its arguments; neither: the run has one.

    Attributes:
        target: dotted name of the generator, a function in ``trainer.phases`` or a custom one.
        entries: the phases in order.
        file: path of a YAML file that holds the list; None once it has been read.
        share: a number that the list refers to as ``${phases.share}``.
        lr_factor: a number that the list refers to as ``${phases.lr_factor}``.
        max_drop: how much the monitored value may worsen after a freeze that the run has decided
            before it is undone; None: by any amount.
    """

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    target: Annotated[str, AfterValidator(named)] | None = Field(None, alias="_target_")
    entries: list[PhaseSetting] = Field([], alias="list")
    file: str | None = None
    share: float | None = Field(None, gt=0, allow_inf_nan=False)
    lr_factor: float | None = Field(None, gt=0, allow_inf_nan=False)
    max_drop: float | None = Field(None, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_source(self) -> "Phases":
        if self.target and self.entries:
            raise ValueError("expected a list, a file or a generator (_target_), received several")
        extra = list(self.model_extra or {})
        if extra and not self.target:
            known = [field.alias or name for name, field in type(self).model_fields.items()]
            raise ValueError(f"unknown key {extra[0]}{nearest(extra[0], known)}")
        return self

    @property
    def are_set(self) -> bool:
        """Whether the run is divided into phases."""
        return bool(self.target or self.entries)

    def spec(self) -> dict[str, Any]:
        """Return what Hydra's ``instantiate`` takes to call the generator."""
        unset = {name for name in ("share", "lr_factor") if getattr(self, name) is None}
        return self.model_dump(by_alias=True, exclude={"entries", "file", "max_drop", *unset})
