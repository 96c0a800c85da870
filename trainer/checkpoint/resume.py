"""Resume: where a run continues, and what may have changed since. Imports no MindSpore."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError
from yaml import YAMLError

from trainer.backend.convolutions import choice
from trainer.checkpoint import class_names, class_weights
from trainer.checkpoint.changed_settings import KEYS_BY_PART, changed_settings
from trainer.checkpoint.override_lines import parse_lines
from trainer.checkpoint.recorded_groups import with_recorded_groups
from trainer.config import recorded_folder, recorded_settings
from trainer.config.overrides import quoted, recorded_lines
from trainer.config.schema import Settings
from trainer.core import cpu_cores, format_version
from trainer.core.errors import ConfigError, nearest
from trainer.core.run_files import CHECKPOINTS, CONFIG, HYDRA, MODEL, OVERRIDES, PLAN

if TYPE_CHECKING:  # it imports MindSpore, for which the device is to be set before
    from trainer.checkpoint.checkpoint import Checkpoint
    from trainer.engine.progress import Progress

log = logging.getLogger(__name__)

_DIRECTORY = "hydra.run.dir"


@dataclass(frozen=True)
class ResumeRequest:
    """What a command line asks for.

    Attributes:
        overrides: for Hydra, those of the run that is resumed among them.
        folder: where the run is to be, if that is known already.
        allow: the parts that may have changed since.
        required: whether there has to be a checkpoint.
    """

    overrides: list[str]
    folder: Path | None = None
    allow: frozenset[str] = frozenset()
    required: bool = False


@dataclass(frozen=True)
class ResumePoint:
    """Where a run continues.

    Attributes:
        checkpoint: what was saved there.
        allow: the parts of the run that may differ now.
        restart_epoch: whether an epoch that had begun starts again, because its batches differ now.
        class_weights: those that the run has counted from its training labels; None: none.
        class_names: those that the run has recorded; none: it has recorded none.
    """

    checkpoint: "Checkpoint"
    allow: frozenset[str] = frozenset()
    restart_epoch: bool = False
    class_weights: Sequence[float] | None = None
    class_names: Sequence[str] = ()

    @property
    def progress(self) -> "Progress":
        """The progress from which the run continues."""
        progress = self.checkpoint.progress
        if self.restart_epoch:
            return progress.epoch_start(progress.epochs)
        return progress


def resume_request(overrides: Sequence[str]) -> ResumeRequest:
    """Take ``resume`` out of overrides, and add those of the run that it names.

    Raises:
        ConfigError: it names no run's folder, or allows an unknown part.
    """
    values = {key: value for _, key, value in parse_lines(overrides)}
    others = [text for text, key, _ in parse_lines(overrides) if key.partition(".")[0] != "resume"]
    source, directory = values.get("resume"), values.get(_DIRECTORY)
    allow = values.get("resume.allow") or []
    parts = list(map(str, allow if isinstance(allow, list) else [allow]))
    problems = [*_key_problems(values, parts), *_folder_problems(source, directory)]
    if problems:
        raise ConfigError(problems)
    if source is not None:
        folder = Path(str(source)).expanduser()
        merged = _merge_overrides(folder, others)
        return ResumeRequest(merged, folder, frozenset(parts), required=True)
    if not isinstance(directory, str) or "${" in directory:
        return ResumeRequest(others, None, frozenset(parts))
    folder = Path(directory)
    return ResumeRequest(with_recorded_groups(folder, others), folder, frozenset(parts))


def _key_problems(values: Mapping[str, Any], parts: Sequence[str]) -> Iterator[str]:
    for key in values:
        if key.startswith("resume.") and key != "resume.allow":
            yield f"{key}: unknown key (known: resume, resume.allow)"
    for part in parts:
        if part not in KEYS_BY_PART:
            known = ", ".join(KEYS_BY_PART)
            near = nearest(part, KEYS_BY_PART) if part else ""
            yield f"resume.allow: expected some of {known}, received {part!r}{near}"


def _folder_problems(source: Any, directory: Any) -> Iterator[str]:
    """Yield what is wrong with the folder that ``resume`` names."""
    if source is None:
        return
    folder = Path(str(source)).expanduser()
    if directory is not None:
        yield f"{_DIRECTORY}: expected none together with resume={source}, which continues there"
    if not (folder / OVERRIDES).is_file():
        runs = [p.parent.parent.name for p in folder.parent.glob(f"*/{OVERRIDES}")]
        yield f"resume: expected a run's folder, received {folder}{nearest(folder.name, runs)}"


def _merge_overrides(folder: Path, overrides: Sequence[str]) -> list[str]:
    """Return a run's own overrides and those added to them, which win."""
    recorded = _recorded_overrides(folder / OVERRIDES)
    now = {key.lstrip("+~"): value for _, key, value in parse_lines(overrides)}
    before = {key.lstrip("+~"): value for _, key, value in parse_lines(recorded)}
    # Another choice of a group has other keys: distributed=none knows no distributed.ranks.
    changed_groups = {key for key in now.keys() & before.keys() if now[key] != before[key]}
    retained = [
        text
        for text, key, _ in parse_lines(recorded)
        if (name := key.lstrip("+~")) not in now and name.partition(".")[0] not in changed_groups
    ]
    merged = with_recorded_groups(folder, [*retained, *overrides])
    return [*merged, f"{_DIRECTORY}={quoted(str(folder.resolve()))}"]


def _recorded_overrides(path: Path) -> list[str]:
    try:
        lines = OmegaConf.load(path)
        if not isinstance(lines, ListConfig):
            raise ValueError("it is not a list")
        return recorded_lines(lines)
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            [f"resume: expected the overrides of a run in {path} ({reason})"]
        ) from None


def check_config_dir(request: ResumeRequest) -> None:
    """Use the ``--config-dir`` of a run that resumes, unless another is named.

    Raises:
        ConfigError: the folder is gone, or its files are others now and that is not allowed.
    """
    recorded_folder.check(request.folder, recorded_folder.WORD in request.allow)


def restore_computation(request: ResumeRequest) -> None:
    """Use as many cores as the run that resumes began with, and its convolutions: the same bits.

    Call it before MindSpore is imported. With ``resume.allow=[device]`` all cores are used, and the
    convolutions of a new run.
    """
    from trainer.checkpoint import checkpoint, checkpoint_index

    if request.folder is None or "device" in request.allow:
        return
    recorded = checkpoint_index.last_versions(request.folder / CHECKPOINTS)
    cores = recorded.get(checkpoint.CORES, "")
    cpu_cores.use_only(int(cores) if cores.isdecimal() else 0)
    if recorded and recorded.get(checkpoint.CONVOLUTIONS, choice.PLAIN) == choice.PLAIN:
        choice.prefer_plain()  # also for runs from before there was a choice


def resume_point(
    request: ResumeRequest, settings: Settings
) -> tuple[ResumePoint | None, list[str]]:
    """Return where a run continues, and what forbids it.

    Call it once MindSpore may be imported. None without a problem: the run starts from scratch.

    Raises:
        ConfigError: a newer trainer has written the run.
    """
    from trainer.checkpoint import checkpoint_index

    folder = request.folder
    if folder is None or not (folder / HYDRA).exists():
        return None, []
    _refuse_newer(folder / PLAN)
    checkpoint, refused = checkpoint_index.latest(folder / CHECKPOINTS)
    for reason in refused:
        log.warning("warning: checkpoint refused: %s", reason)
    if checkpoint is not None:
        return _resume_from(checkpoint, request, folder, settings)
    if refused or request.required or (folder / MODEL).exists():
        expected = "sound checkpoint" if refused else "checkpoint"
        return None, [f"resume: expected a {expected} in {folder}, found none"]
    return None, []


def _refuse_newer(plan: Path) -> None:
    """Refuse the folder of a newer trainer's run; each run writes its plan first."""
    with suppress(OSError, ValueError):  # a plan that cannot be read is written again
        format_version.check(json.loads(plan.read_text()), plan)


def _resume_from(
    checkpoint: "Checkpoint", request: ResumeRequest, folder: Path, settings: Settings
) -> tuple[ResumePoint | None, list[str]]:
    try:
        before = Settings.model_validate(dict(checkpoint.settings)).plain()
    except ValidationError as error:
        return None, [f"resume: {folder} was made with settings that are unknown here: {error}"]
    changes = changed_settings(before, settings.plain())
    allow = request.allow | (changes.keys() if _is_recorded(settings, folder) else set())
    problems = [
        f"resume: expected the {part} of the run in {folder}, received another: "
        f"{'; '.join(keys)}. To continue with it: resume.allow=[{part}]"
        for part, keys in changes.items()
        if part not in allow
    ]
    begun = checkpoint.progress.epochs + bool(checkpoint.progress.steps)
    if settings.epochs < begun:
        expected = f"expected at least {begun}, which have begun, received {settings.epochs}"
        problems.append(f"epochs: {expected}")
    restart_epoch = not {"dataset", "seed"}.isdisjoint(changes) or any(
        key.startswith("gradient.accumulation_steps") for key in changes.get("gradient", ())
    )
    recorded = class_weights.read(folder), class_names.read(folder)
    return ResumePoint(checkpoint, allow, restart_epoch, *recorded), problems


def _is_recorded(settings: Settings, folder: Path) -> bool:
    """Tell whether a run was resumed with these settings before, but killed before it saved."""
    try:
        recorded = recorded_settings.settings_of(folder / CONFIG)
    except (OSError, ValueError, YAMLError, OmegaConfBaseException, ConfigError):
        return False
    return not changed_settings(recorded.plain(), settings.plain())
