"""Groups: the parts of a configuration that are mappings of keys, typed. Pure Python."""

import inspect
from typing import Annotated, Any, Literal

from hydra.utils import get_object
from omegaconf import MISSING
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from trainer.config import retention
from trainer.config.policy import Patterns


def _loss_scale(value: Any) -> float | str:
    if value == "dynamic":
        return "dynamic"
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"expected a number above 0, or dynamic, received {value!r}")
    return float(value)


def _kept(value: Any) -> Any:
    keep = "off" if value is False else value  # YAML reads off as false
    if problem := retention.problem(str(keep)):
        raise ValueError(problem)
    return keep


def named(target: str) -> str:
    """Return the dotted name of a target; refuse one that is left out."""
    if target in ("", MISSING):
        raise ValueError("expected the dotted name of a class or function, received none")
    return target


class Group(BaseModel):
    """Keys of a fixed set, of which an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Target(BaseModel):
    """Anything that is built from ``_target_``; its other keys are the target's own arguments."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    target: Annotated[str, AfterValidator(named)] = Field(alias="_target_")

    def spec(self) -> dict[str, Any]:
        """The mapping that Hydra's ``instantiate`` takes."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class Dataset(Target):
    """The data. The keys below are of the loader of map-style datasets, the others of the target.

    A key below belongs to the target if that is a function with a parameter of the same name.
    """

    workers: int | None = Field(None, ge=1)
    sampler: Literal["shuffle", "balanced"] | None = None
    last_batch: Literal["drop", "keep"] | None = None
    on_error: Literal["stop", "skip"] | None = None

    def spec(self) -> dict[str, Any]:
        """The mapping that Hydra's ``instantiate`` takes: ``_target_`` and its arguments."""
        others = LOADER_KEYS - _parameters(self.target)
        return self.model_dump(by_alias=True, exclude_unset=True, exclude=others)

    def loader_keys(self) -> list[str]:
        """Return the keys of the loader that have a value."""
        names = sorted(LOADER_KEYS - _parameters(self.target))
        return [name for name in names if getattr(self, name) is not None]


LOADER_KEYS = {"workers", "sampler", "last_batch", "on_error"}


def _parameters(target: str) -> set[str]:
    """Return the parameters of a target; none if it is not there, which is reported elsewhere."""
    try:
        return set(inspect.signature(get_object(target)).parameters)
    except Exception:  # the import of a module may raise anything
        return set()


class Device(Group):
    """The device and how to compute; ``conf/device`` explains each key."""

    target: Literal["cpu", "ascend", "auto"]
    mode: Literal["graph", "pynative", "eager"] = "graph"
    device_id: int = Field(0, ge=0)
    jit_level: Literal["O0", "O1"] | None = None
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    loss_scale: Annotated[Any, AfterValidator(_loss_scale)] = 1.0
    convolutions: Literal["auto", "blocked", "plain"] = "auto"
    instruction_set: Literal["auto", "native"] = "auto"
    threads: Literal["auto", "free", "apart"] = "auto"
    fetch_every: int = Field(1, ge=1)
    recompute: Patterns = []


class Distributed(Group):
    """How many processes share each batch; ``conf/distributed`` explains each key."""

    launcher: Literal["none", "msrun", "slurm"] = "none"
    ranks: int = Field(1, ge=1)
    timeout: int = Field(600, ge=1)
    port: int | None = Field(None, ge=1024, le=65_535)


class Features(Group):
    """Whether the outputs of the frozen part are stored; ``conf/features`` explains each key."""

    mode: Literal["auto", "store", "off"] = "off"
    dtype: Literal["float32", "float16"] = "float32"
    exact: bool = True
    views: Annotated[int | None, Field(ge=1)] = None
    memory_mb: float = Field(1000, ge=0, allow_inf_nan=False)
    max_mb: float = Field(10_000, ge=0, allow_inf_nan=False)
    folder: str | None = None

    @model_validator(mode="after")
    def _other_trainings_are_asked_for(self) -> "Features":
        half, inexact = self.dtype == "float16", not self.exact
        others = {"views": self.views, "dtype=float16": half, "exact=false": inexact}
        given = " and ".join(f"features.{name}" for name, value in others.items() if value)
        if given and self.mode != "store":
            why = f"with {given}, which changes the training, received features={self.mode}"
            raise ValueError(f"expected features=store {why}")
        return self


class SnapshotSettings(Group):
    """Which weights are kept and printed."""

    keep: Annotated[str, BeforeValidator(_kept)] = "all"
    max_mb: float | None = Field(None, gt=0, allow_inf_nan=False)
    print: Patterns = []


class CheckpointSettings(Group):
    """When checkpoints are written, and which is kept as the best."""

    every_steps: int | None = Field(None, ge=1)
    every_minutes: float | None = Field(None, gt=0, allow_inf_nan=False)
    best: str | None = "validation_loss"


class CompileCache(Group):
    """Whether compiled graphs are kept from one start to the next, and where."""

    use: bool = True
    folder: str | None = None
    max_mb: float = Field(1000.0, gt=0, allow_inf_nan=False)


def optional_spec(target: Target | None) -> dict[str, Any] | None:
    """Return the mapping that Hydra's ``instantiate`` takes; None: there is no target."""
    return None if target is None else target.spec()


# A target that may be left out: ``{}`` is none.
OptionalTarget = Annotated[Target | None, BeforeValidator(lambda value: value or None)]
