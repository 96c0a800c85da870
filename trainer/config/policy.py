"""Policy: the rules of a configuration, typed and checked once. Pure Python."""

from collections.abc import Callable, Sequence
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

from trainer.config import freeze_methods, rules
from trainer.config.rules import TRAIN, Rule

RECORDED = {"recorded": True}  # pydantic's context for settings that a run has recorded


def as_list(value: Any) -> Any:
    """Return a text as a list of one, and null as an empty list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


def _well_formed(pattern: str) -> str:
    if problem := rules.problem(pattern):
        raise ValueError(problem)
    return pattern


def _known_role(role: str) -> str:
    if role not in rules.ROLES:
        raise ValueError(f"expected some of {', '.join(rules.ROLES)}, received {role!r}")
    return role


def _known_method(name: str, info: ValidationInfo) -> str:
    if info.context != RECORDED and name not in freeze_methods.names():
        raise ValueError(f"expected one of {', '.join(freeze_methods.names())}, received {name!r}")
    return name


def _known_treatment(name: str, info: ValidationInfo) -> str:
    known = [TRAIN, *freeze_methods.names()]
    if info.context != RECORDED and name not in known:
        raise ValueError(f"expected one of {', '.join(known)}, received {name!r}")
    return name


def _on_or_off(value: Any) -> Any:
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


Pattern = Annotated[str, AfterValidator(_well_formed)]
Patterns = Annotated[list[Pattern], BeforeValidator(as_list)]
MethodName = Annotated[str, AfterValidator(_known_method)]
_Kinds = Annotated[list[str], BeforeValidator(as_list)]
_Roles = Annotated[list[Annotated[str, AfterValidator(_known_role)]], BeforeValidator(as_list)]
_Method = Annotated[str, AfterValidator(_known_treatment)]
_Switch = Annotated[Literal["on", "off"], BeforeValidator(_on_or_off)]  # YAML reads off as false


class RuleSetting(BaseModel):
    """One rule of a policy; ``trainer.config.rules.Rule`` explains the keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str = ""
    select: Patterns = []
    excluded: Patterns = Field([], alias="except")
    first: int | None = Field(None, ge=1)
    last: int | None = Field(None, ge=1)
    of: str | None = None
    kind: _Kinds = []
    role: _Roles = []
    before_last: float | None = Field(None, gt=0, lt=100)
    method: _Method | None = None
    norm: Literal["eval", "train", "affine-only"] | None = None
    dropout: _Switch | None = None
    lr_factor: float | None = Field(None, gt=0, allow_inf_nan=False)
    weight_decay: float | None = Field(None, ge=0, allow_inf_nan=False)
    dtype: Literal["float16"] | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _keys_that_fit(self) -> "RuleSetting":
        trains = self.method == TRAIN or self.norm == "affine-only"
        rate = [key for key in ("lr_factor", "weight_decay") if getattr(self, key) is not None]
        if rate and not trains:
            raise ValueError(
                f"expected {' and '.join(rate)} with method: train (or norm: affine-only) only, "
                f"received {self.method or 'no method'}, under which nothing is updated"
            )
        if self.dropout and self.method == TRAIN:
            raise ValueError("expected dropout in a rule that freezes, received method: train")
        if self.dtype and self.method == TRAIN:
            raise ValueError(
                f"expected dtype: {self.dtype} in a rule that freezes, received method: train; "
                "what trains is stored as float32"
            )
        if self.of is not None and self.first is None and self.last is None:
            raise ValueError(f"expected first or last with of, received only of: {self.of}")
        return self

    def text(self) -> str:
        """Return what it selects, in short."""
        counted = [(key, getattr(self, key)) for key in ("first", "last", "of", "before_last")]
        parts = [
            *self.select,
            *(f"not {pattern}" for pattern in self.excluded),
            *(f"{key} {value}" for key, value in counted if value is not None),
            *(f"kind {kind}" for kind in self.kind),
            *(f"role {role}" for role in self.role),
        ]
        return self.name or ", ".join(parts) or "the rest"


class Policy(BaseModel):
    """Rules in order, and the values that all of them share.

    Attributes:
        rules: the first that matches a parameter decides.
        lr_decay: factor on the learning rate per unit of depth, counted from the head.
        n: a number that the rules refer to as ``${policy.n}``.
        block: a name that the rules refer to as ``${policy.block}``.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    rules: list[RuleSetting] = []
    lr_decay: float = Field(1.0, gt=0, le=1)
    n: int | None = Field(None, ge=1)
    block: str | None = None


def build_rules(
    policy: Policy, freeze: Sequence[str], method: str, norm: str, cuts: Callable[[str], bool]
) -> tuple[list[Rule], list[str]]:
    """Return the rules in the order in which they are applied, and their problems.

    Args:
        policy: the rules of a policy.
        freeze: patterns of the short form; a rule that precedes those of the policy.
        method: the method of the short form, and of rules without one.
        norm: the mode of normalisation where a rule that freezes names none.
        cuts: returns whether a method stops the gradient.
    """
    built = [Rule(tuple(freeze), method, cuts(method), norm)] if freeze else []
    for at, setting in enumerate(policy.rules):
        built.append(_rule(at, setting, method, norm, cuts))
    problems = [
        f"{rule.where('norm')}: expected a method that lets the gradient pass with affine-only, "
        f"received {rule.method}; use method: requires_grad"
        for rule in built
        if rule.norm == "affine-only" and rule.cuts
    ]
    return built, problems


def _rule(
    at: int, setting: RuleSetting, method: str, norm: str, cuts: Callable[[str], bool]
) -> Rule:
    treatment = setting.method or method
    trains = treatment == TRAIN
    return Rule(
        patterns=tuple(setting.select),
        method=treatment,
        cuts=not trains and cuts(treatment),
        norm=setting.norm or (None if trains else norm),
        excluded=tuple(setting.excluded),
        first=setting.first,
        last=setting.last,
        of=setting.of,
        kinds=tuple(setting.kind),
        roles=tuple(setting.role),
        before_last=setting.before_last,
        dropout=setting.dropout,
        lr_factor=1.0 if setting.lr_factor is None else setting.lr_factor,
        weight_decay=setting.weight_decay,
        dtype=setting.dtype,
        optional=setting.optional,
        key=f"policy.rules[{at}]",
        label=f"rule {at + 1} ({setting.text()})",
    )
