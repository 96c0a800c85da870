"""Run record: the JSON files of a run, read back and typed. Needs no MindSpore."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from omegaconf.errors import OmegaConfBaseException
from pydantic import BeforeValidator, TypeAdapter, ValidationError
from yaml import YAMLError

from trainer.config.recorded_settings import settings_of
from trainer.config.schema import Settings
from trainer.core import format_version
from trainer.core.errors import ConfigError
from trainer.core.run_files import CONFIG, METRICS, PLAN, PROOF
from trainer.freezing.plan import Plan
from trainer.phases.phase import StartFrom

_T = TypeVar("_T")


@dataclass(frozen=True)
class FrozenTensor:
    """A tensor of the proof; ``trainer.callbacks.freeze_proof`` explains it."""

    name: str
    sha256_before: str
    sha256_after: str
    equal: bool


@dataclass(frozen=True)
class TensorHash:
    """A tensor that was frozen in an earlier chapter."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Chapter:
    """What was proven under an earlier plan, up to a number of epochs and further steps."""

    epochs: int
    steps: int
    tensors: list[TensorHash]
    plan: Plan
    phase: str = ""  # empty: the run was resumed under another plan
    start_from: StartFrom = "last"


@dataclass(frozen=True)
class RecordedPhase:
    """The last phase of a run that has phases."""

    name: str
    start_from: StartFrom


@dataclass(frozen=True)
class ProofRecord:
    """``proof.json``."""

    holds: bool
    epochs: int
    tensors: list[FrozenTensor]
    chapters: list[Chapter] = field(default_factory=list)
    phase: RecordedPhase | None = None


@dataclass(frozen=True)
class WeightRow:
    """A row of the table of weights."""

    name: str
    state: str
    largest_since_start: float


def _none_as_nan(value: Any) -> Any:
    """Return the value; nan for None, which a run without validation data writes."""
    return math.nan if value is None else value


@dataclass(frozen=True)
class MetricsLine:
    """A line of ``metrics.jsonl``."""

    epoch: int
    frozen_ok: bool
    weights: list[WeightRow]
    loss: float | None = None
    validation_loss: Annotated[float, BeforeValidator(_none_as_nan)] = math.nan
    accuracy: float | None = None
    monitor: dict[str, Any] | None = None  # an older trainer wrote none


@dataclass
class RunRecord:
    """The files of a run; None for a file that is missing or cannot be read.

    Attributes:
        problems: why what is None cannot be read.
    """

    plan: Plan | None = None
    proof: ProofRecord | None = None
    metrics: list[MetricsLine] | None = None
    settings: Settings | None = None
    problems: list[str] = field(default_factory=list)


def read_plan_and_proof(run: Path) -> tuple[Plan, ProofRecord | None]:
    """Read a run's plan, and its proof if it has one.

    Raises:
        ConfigError: one of them is not as a run writes it.
    """
    records: list[Any] = []
    for schema, path in ((Plan, run / PLAN), (ProofRecord, run / PROOF)):
        try:
            records.append(_read_json(schema, path) if path.exists() else None)
        except (OSError, ValueError) as error:
            problem = f"{path}: expected as a run writes it ({_reason(error)})"
            raise ConfigError([problem]) from None
    return records[0], records[1]


def read(run: Path) -> RunRecord:
    """Read the files of a run, each as far as it can be read."""
    record = RunRecord()

    def attempt(name: str, parse: Callable[[Path], _T]) -> _T | None:
        try:
            return parse(run / name)
        except FileNotFoundError:
            record.problems.append(f"{run / name}: expected, received none")
        except (OSError, ValueError, YAMLError, OmegaConfBaseException, ConfigError) as error:
            record.problems.append(f"{run / name}: expected as a run writes it ({_reason(error)})")
        return None

    record.plan = attempt(PLAN, lambda path: _read_json(Plan, path))
    record.proof = attempt(PROOF, lambda path: _read_json(ProofRecord, path))
    record.metrics = attempt(METRICS, read_metrics)
    record.settings = attempt(CONFIG, settings_of)
    return record


def _read_json(schema: type[_T], path: Path) -> _T:
    data = json.loads(path.read_text())
    format_version.check(data, path)
    return TypeAdapter(schema).validate_python(data)


def read_metrics(path: Path) -> list[MetricsLine]:
    """Read a ``metrics.jsonl``.

    Raises:
        OSError, ValueError: it is missing, or not as a run writes it.
        ConfigError: a newer trainer has written it.
    """
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for first in rows[:1]:
        format_version.check(first, path)
    return TypeAdapter(list[MetricsLine]).validate_python(rows)


def _reason(error: Exception) -> str:
    if isinstance(error, ConfigError):
        return "; ".join(error.problems)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).partition("\n")[0]
