"""Settings: what a configuration says, typed and checked once. Pure Python."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from omegaconf import MISSING
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from trainer.config import freeze_methods, metrics, retention
from trainer.config import init_map as renames
from trainer.config.policy import RECORDED, Patterns, Policy
from trainer.config.validation_errors import describe
from trainer.core import atomic_files
from trainer.core.errors import ConfigError


def _known_method(name: str, info: ValidationInfo) -> str:
    if info.context != RECORDED and name not in freeze_methods.names():
        raise ValueError(f"expected one of {', '.join(freeze_methods.names())}, received {name!r}")
    return name


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


def _named(target: str) -> str:
    if target in ("", MISSING):
        raise ValueError("expected the dotted name of a class or function, received none")
    return target


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Target(BaseModel):
    """Anything that is built from ``_target_``; its other keys are the target's own arguments."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    target: Annotated[str, AfterValidator(_named)] = Field(alias="_target_")

    def spec(self) -> dict[str, Any]:
        """The mapping that Hydra's ``instantiate`` takes."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class Optimizer(Target):
    """An optimizer: ``lr`` and whatever the class takes."""

    lr: float = Field(ge=0, allow_inf_nan=False)
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False)
    momentum: float = Field(0.0, ge=0, lt=1)


class Device(_Group):
    """Where and how to compute; ``conf/device`` explains each key."""

    target: Literal["cpu", "ascend", "auto"]
    device_id: int = Field(0, ge=0)
    jit_level: Literal["O0", "O1", "O2"] | None = None
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    loss_scale: Annotated[Any, AfterValidator(_loss_scale)] = 1.0
    instruction_set: Literal["auto", "native"] = "auto"
    threads: Literal["auto", "free", "apart"] = "auto"
    fetch_every: int = Field(1, ge=1)


class Distributed(_Group):
    """How many processes share each batch; ``conf/distributed`` explains each key."""

    launcher: Literal["none", "msrun", "slurm"] = "none"
    ranks: int = Field(1, ge=1)
    timeout: int = Field(600, ge=1)
    port: int | None = Field(None, ge=1024, le=65_535)


class Features(_Group):
    """What becomes of the outputs of the frozen part; ``conf/features`` explains each key."""

    mode: Literal["auto", "store", "off"] = "off"
    dtype: Literal["float32", "float16"] = "float32"
    exact: bool = True
    views: Annotated[int | None, Field(ge=1)] = None
    memory_mb: float = Field(1000, ge=0, allow_inf_nan=False)
    max_mb: float = Field(10_000, ge=0, allow_inf_nan=False)
    folder: str | None = None

    @model_validator(mode="after")
    def _other_trainings_are_asked_for(self) -> "Features":
        half, loose = self.dtype == "float16", not self.exact
        others = {"views": self.views, "dtype=float16": half, "exact=false": loose}
        given = " and ".join(f"features.{name}" for name, value in others.items() if value)
        if given and self.mode != "store":
            why = f"with {given}, for it changes the training, received features={self.mode}"
            raise ValueError(f"expected features=store {why}")
        return self


class SnapshotSettings(_Group):
    """What is kept and printed of the weights."""

    keep: Annotated[str, BeforeValidator(_kept)] = "all"
    max_mb: float | None = Field(None, gt=0, allow_inf_nan=False)
    print: Patterns = []


class CheckpointSettings(_Group):
    """When checkpoints are written, and which is kept as the best."""

    every_steps: int | None = Field(None, ge=1)
    every_minutes: float | None = Field(None, gt=0, allow_inf_nan=False)
    best: Literal["validation_loss", "accuracy"] | None = "validation_loss"


class CompileCache(_Group):
    """Whether compiled graphs are kept from one start to the next, and where."""

    use: bool = True
    folder: str | None = None
    max_mb: float = Field(1000.0, gt=0, allow_inf_nan=False)


def _known_metric(name: str, info: ValidationInfo) -> str:
    if info.context != RECORDED and name not in metrics.names():
        raise ValueError(f"expected some of {', '.join(metrics.names())}, received {name!r}")
    return name


class Evaluation(_Group):
    """What is measured on the validation data, in addition to loss and accuracy."""

    metrics: list[Annotated[str, AfterValidator(_known_metric)]] = []


def optional_spec(target: Target | None) -> dict[str, Any] | None:
    """Return the mapping that Hydra's ``instantiate`` takes; None: there is no target."""
    return None if target is None else target.spec()


# A target that may be left out: ``{}`` is none.
OptionalTarget = Annotated[Target | None, BeforeValidator(lambda value: value or None)]


class Settings(_Group):
    """A whole configuration."""

    model: Target
    dataset: Target
    loss: Target
    optimizer: Optimizer
    device: Device
    adapter: OptionalTarget = None
    schedule: OptionalTarget = None
    callback: dict[str, Target] = {}
    tracker: dict[str, Target] = {}
    evaluation: Evaluation = Evaluation()
    distributed: Distributed = Distributed()
    features: Features = Features()
    policy: Policy = Policy()
    freeze: Patterns = []
    method: Annotated[str, AfterValidator(_known_method)] = "stop_gradient"
    norm: Literal["eval", "train"] = "eval"
    epochs: int = Field(1, ge=1, le=99_999)
    batch_size: int = Field(1, ge=1)
    seed: int = Field(0, ge=0, lt=2**31)
    init_from: str | None = None
    new_head: Patterns = []
    init_map: Annotated[Any, AfterValidator(renames.checked)] = None
    init_strict: bool = True
    snapshot: SnapshotSettings = SnapshotSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    compile_cache: CompileCache = CompileCache()
    max_minutes: float | None = Field(None, gt=0, allow_inf_nan=False)
    resume: None = None  # of the command line alone: ``trainer.checkpoint.resume`` takes it away

    def plain(self) -> dict[str, Any]:
        """The settings as plain data, from which they can be read again."""
        return self.model_dump(mode="json", by_alias=True)

    def named_options(self) -> set[str]:
        """Return the options, as GROUP/NAME, that are named by a value instead of a group."""
        methods = {self.method, *(rule.method for rule in self.policy.rules if rule.method)}
        return {f"{freeze_methods.GROUP}/{name}" for name in methods} | {
            f"{metrics.GROUP}/{name}" for name in self.evaluation.metrics
        }


def read(
    config: Mapping[str, Any], known: Sequence[str] = (), recorded: bool = False
) -> tuple[Settings, list[str]]:
    """Return the settings and their errors, with defaults in the place of wrong values.

    A caller can then look for errors that only the model shows, and report all of them together.

    Args:
        config: a whole configuration.
        known: errors found before, for the exception's message only.
        recorded: whether a run has recorded it, which checked it: the YAML of a custom freeze
            method may be gone since.

    Raises:
        ConfigError: a key without a default is wrong, so there are no settings to continue with.
    """
    context = RECORDED if recorded else None
    try:
        return Settings.model_validate(config, context=context), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems = [describe(detail, Settings) for detail in details]
    wrong = {str(detail["loc"][0]) for detail in details}
    rest = {key: value for key, value in config.items() if key not in wrong}
    rest |= {key: value for key, value in _STAND_INS.items() if key in wrong}
    try:
        return Settings.model_validate(rest, context=context), problems
    except ValidationError:
        raise ConfigError([*known, *problems]) from None


# In the place of wrong groups, so that other errors are found too; never trained with.
_STAND_INS = {
    "optimizer": {"_target_": "mindspore.nn.SGD", "lr": 0.0},
    "loss": {"_target_": "mindspore.nn.CrossEntropyLoss"},
    "device": {"target": "cpu"},
}

_FREE = {
    "seed",
    "epochs",
    "init_from",
    "init_map",
    "init_strict",
    "new_head",
    "snapshot",
    "checkpoint",
    "features",
    "compile_cache",
    "max_minutes",
    "schedule",
    "evaluation",
    "callback",
    "tracker",
}


def compiled_key(settings: Settings) -> str:
    """Return those of the settings on which a compiled graph depends, or may depend."""
    return atomic_files.dumps({k: v for k, v in settings.plain().items() if k not in _FREE})
