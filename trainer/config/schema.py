"""Settings: what a configuration says, typed and checked once. Pure Python."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
)

from trainer.config import freeze_methods, metrics, phase_file, phase_policy
from trainer.config import init_map as renames
from trainer.config import schedule as schedules
from trainer.config.evaluation import EarlyStopping, Evaluation
from trainer.config.groups import (
    LOADER_KEYS,
    CheckpointSettings,
    CompileCache,
    Dataset,
    Device,
    Distributed,
    Features,
    Group,
    OptionalTarget,
    SnapshotSettings,
    Target,
)
from trainer.config.optimizer import Optimizer
from trainer.config.phases import Phases
from trainer.config.policy import RECORDED, MethodName, Patterns, Policy
from trainer.config.step_groups import Ema, Gradient
from trainer.config.validation_errors import describe
from trainer.core import atomic_files
from trainer.core.errors import ConfigError


def _scheduled(target: Target | None) -> Target | None:
    """Return a schedule; None for one that changes nothing, as it was recorded before."""
    return None if target is None or schedules.is_constant(target.spec()) else target


class Settings(Group):
    """A whole configuration."""

    model: Target
    dataset: Dataset
    loss: Target
    optimizer: Optimizer
    device: Device
    transform: OptionalTarget = None
    adapter: OptionalTarget = None
    schedule: Annotated[OptionalTarget, AfterValidator(_scheduled)] = None
    gradient: Gradient = Gradient()
    ema: Ema = Ema()
    callback: dict[str, Target] = {}
    tracker: dict[str, Target] = {}
    evaluation: Evaluation = Evaluation()
    early_stopping: EarlyStopping = EarlyStopping()
    distributed: Distributed = Distributed()
    features: Features = Features()
    policy: Policy = Policy()
    phases: Phases = Phases()
    freeze: Patterns = []
    method: MethodName = "stop_gradient"
    norm: Literal["eval", "train"] = "eval"
    epochs: int = Field(1, ge=1, le=99_999)
    batch_size: int = Field(1, ge=1)
    seed: int = Field(0, ge=0, lt=2**31)
    init_from: str | None = None
    init_key: Annotated[str, Field(min_length=1)] | None = None
    new_head: Patterns = []
    init_map: Annotated[Any, AfterValidator(renames.checked)] = None
    init_strict: bool = True
    snapshot: SnapshotSettings = SnapshotSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    compile_cache: CompileCache = CompileCache()
    max_minutes: float | None = Field(None, gt=0, allow_inf_nan=False)
    max_steps: int | None = Field(None, ge=1)
    limit_train_batches: int | None = Field(None, ge=1)
    limit_validation_batches: int | None = Field(None, ge=1)
    overfit_batches: int | None = Field(None, ge=1)
    resume: None = None  # of the command line alone: ``trainer.checkpoint.resume`` takes it away

    def plain(self) -> dict[str, Any]:
        """The settings as plain data, from which they can be read again."""
        return self.model_dump(mode="json", by_alias=True)

    def named_options(self) -> set[str]:
        """Return the options, as GROUP/NAME, that are named by a value instead of a group."""
        phases, rules = self.phases.entries, [*self.policy.rules]
        rules += [rule for phase in phases for rule in phase.rules_set()]
        methods = {self.method, *(rule.method for rule in rules if rule.method)}
        methods |= {phase.method for phase in phases if phase.method}
        policies = {phase.policy.name for phase in phases if phase.policy and phase.policy.name}
        return {
            *(f"{freeze_methods.GROUP}/{name}" for name in methods),
            *(f"{metrics.GROUP}/{name}" for name in self.evaluation.metrics),
            *(f"{phase_policy.GROUP}/{name}" for name in policies),
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
    _check_characters(config, known)
    config, problems = phase_file.with_file(config)
    problems = [] if recorded else problems  # the file may be gone since
    try:
        return Settings.model_validate(config, context=context), problems
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems += [describe(detail, Settings) for detail in details]
    wrong = {str(detail["loc"][0]) for detail in details}
    try:
        return Settings.model_validate(_without(wrong, config), context=context), problems
    except ValidationError:
        raise ConfigError([*known, *problems]) from None


def _without(wrong: Collection[str], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with other values in the place of wrong ones."""
    rest = {key: value for key, value in config.items() if key not in wrong}
    rest |= {key: value for key, value in _STAND_INS.items() if key in wrong}
    if "dataset" in wrong and isinstance(config.get("dataset"), Mapping):  # its target may be right
        rest["dataset"] = {k: v for k, v in config["dataset"].items() if k not in LOADER_KEYS}
    if "evaluation" in wrong and isinstance(rest.get("checkpoint"), Mapping):
        rest["checkpoint"] = {**rest["checkpoint"], "best": None}  # it may be a wrong monitor
    return rest


def _check_characters(config: Mapping[str, Any], known: Sequence[str]) -> None:
    if problems := list(_null_characters(config)):
        raise ConfigError([*known, *problems])


def _null_characters(value: Any, key: str = "") -> Iterator[str]:
    """Yield the errors of texts with the character 0, which no path and no name may have."""
    if isinstance(value, str) and "\0" in value:
        yield f"{key}: expected a text without the character 0, received {value!r}; remove it"
    items = dict(enumerate(value)) if isinstance(value, list) else value
    for name, item in items.items() if isinstance(items, Mapping) else ():
        yield from _null_characters(item, f"{key}.{name}".lstrip("."))


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
    "init_key",
    "init_map",
    "init_strict",
    "new_head",
    "snapshot",
    "checkpoint",
    "features",
    "compile_cache",
    "max_minutes",
    "schedule",
    "ema",
    "gradient",  # what of it is in a graph stands in StepOptions, which are compared too
    "evaluation",
    "early_stopping",
    "max_steps",
    "limit_train_batches",
    "limit_validation_batches",
    "overfit_batches",
    "callback",
    "tracker",
    "phases",  # each plan is compared too
}


def compiled_key(settings: Settings) -> str:
    """Return those of the settings on which a compiled graph depends, or may depend."""
    return atomic_files.dumps({k: v for k, v in settings.plain().items() if k not in _FREE})
