"""Resume: where a run goes on, and what may have changed since. Imports no MindSpore."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError
from yaml import YAMLError

from trainer.config import saved as saved_
from trainer.config.overrides import quoted
from trainer.config.schema import Settings
from trainer.core import format_version
from trainer.core.errors import ConfigError, nearest
from trainer.core.run_files import CHECKPOINTS, CONFIG, HYDRA, MODEL, OVERRIDES, PLAN

if TYPE_CHECKING:  # it imports MindSpore, for which the device is to be set before
    from trainer.checkpoint.checkpoint import Checkpoint
    from trainer.engine.progress import Progress

log = logging.getLogger(__name__)

_DIRECTORY = "hydra.run.dir"

_STORED = ("features.views", "features.dtype", "features.exact")

# What makes another run, by the word that allows it. The other keys change no weight, or only the
# moment when training ends.
_PARTS = {
    "policy": ("policy", "freeze", "method", "norm"),
    "model": ("model", "new_head"),
    "dataset": ("dataset", "batch_size", *_STORED),
    "optimizer": ("optimizer",),
    "loss": ("loss",),
    "device": ("device",),
    "seed": ("seed",),
}

_SAME = ("device.threads", "device.fetch_every")  # of these parts, but no weight depends on it


@dataclass(frozen=True)
class ResumeRequest:
    """What a command line asks for.

    Attributes:
        lines: overrides for Hydra, those of the run that is resumed among them.
        folder: where the run is to be, if that is known already.
        allow: the parts that may have changed since.
        must: whether there has to be a checkpoint.
    """

    overrides: list[str]
    folder: Path | None = None
    allow: frozenset[str] = frozenset()
    required: bool = False


@dataclass(frozen=True)
class ResumePoint:
    """Where a run goes on.

    Attributes:
        checkpoint: what was saved there.
        allow: the parts of the run that may be others now.
        anew: whether the epoch begun there is begun anew, for its batches are others now.
    """

    checkpoint: "Checkpoint"
    allow: frozenset[str] = frozenset()
    restart_epoch: bool = False

    @property
    def progress(self) -> "Progress":
        """How far the run has come that goes on."""
        saved = self.checkpoint.progress
        return (
            replace(saved, steps=0, loss=0.0, samples=0, seconds=0.0)
            if self.restart_epoch
            else saved
        )


def resume_request(lines: Sequence[str]) -> ResumeRequest:
    """Take ``resume`` out of overrides, and put in those of the run that it names.

    Raises:
        ConfigError: it names no run's folder, or allows what is not known.
    """
    values = {key: value for _, key, value in _parsed(lines)}
    rest = [line for line, key, _ in _parsed(lines) if key.partition(".")[0] != "resume"]
    source, directory = values.get("resume"), values.get(_DIRECTORY)
    allow = values.get("resume.allow") or []
    words = list(map(str, allow if isinstance(allow, list) else [allow]))
    problems = [*_unknown(values, words), *_unfit(source, directory)]
    if problems:
        raise ConfigError(problems)
    if source is not None:
        folder = Path(str(source)).expanduser()
        return ResumeRequest(_joined(folder, rest), folder, frozenset(words), required=True)
    known = isinstance(directory, str) and "${" not in directory
    return ResumeRequest(rest, Path(str(directory)) if known else None, frozenset(words))


def _parsed(lines: Sequence[str]) -> Iterator[tuple[str, str, Any]]:
    """Yield each override with its key and its value; what does not parse, without them."""
    parser = OverridesParser.create()
    for line in lines:
        try:
            parsed = parser.parse_override(line)
            yield line, parsed.key_or_group, None if parsed.is_sweep_override() else parsed.value()
        except HydraException:
            yield line, "", None


def _unknown(values: Mapping[str, Any], words: Sequence[str]) -> Iterator[str]:
    for key in values:
        if key.startswith("resume.") and key != "resume.allow":
            yield f"{key}: unknown key (known: resume, resume.allow)"
    for word in words:
        if word not in _PARTS:
            known = ", ".join(_PARTS)
            near = nearest(word, _PARTS) if word else ""
            yield f"resume.allow: expected some of {known}, received {word!r}{near}"


def _unfit(source: Any, directory: Any) -> Iterator[str]:
    """Yield what is wrong with the folder that ``resume`` names."""
    if source is None:
        return
    folder = Path(str(source)).expanduser()
    if directory is not None:
        yield f"{_DIRECTORY}: expected none beside resume={source}, which goes on in its folder"
    if not (folder / OVERRIDES).is_file():
        runs = [p.parent.parent.name for p in folder.parent.glob(f"*/{OVERRIDES}")]
        yield f"resume: expected a run's folder, received {folder}{nearest(folder.name, runs)}"


def _joined(folder: Path, lines: Sequence[str]) -> list[str]:
    """Return a run's own overrides and those added to them, which win."""
    saved = _saved(folder / OVERRIDES)
    now = {key.lstrip("+~"): value for _, key, value in _parsed(lines)}
    before = {key.lstrip("+~"): value for _, key, value in _parsed(saved)}
    # Another choice of a group has other keys: distributed=none knows no distributed.ranks.
    others = {key for key in now.keys() & before.keys() if now[key] != before[key]}
    kept = [
        line
        for line, key, _ in _parsed(saved)
        if (name := key.lstrip("+~")) not in now and name.partition(".")[0] not in others
    ]
    return [*kept, *lines, f"{_DIRECTORY}={quoted(str(folder.resolve()))}"]


def _saved(path: Path) -> list[str]:
    try:
        saved: Any = OmegaConf.to_object(OmegaConf.load(path))
        return [str(line) for line in saved]
    except (OSError, ValueError, TypeError, YAMLError, OmegaConfBaseException) as error:
        why = " ".join(str(error).split())
        raise ConfigError([f"resume: expected the overrides of a run in {path} ({why})"]) from None


def resume_point(asked: ResumeRequest, settings: Settings) -> tuple[ResumePoint | None, list[str]]:
    """Return where a run goes on, and what forbids it.

    Call it once MindSpore may be imported. None without a problem: the run starts anew.

    Raises:
        ConfigError: a newer trainer has written the run.
    """
    from trainer.checkpoint import checkpoint_index

    if asked.folder is None or not (asked.folder / HYDRA).exists():
        return None, []
    _refuse_newer(asked.folder / PLAN)
    found, refused = checkpoint_index.latest(asked.folder / CHECKPOINTS)
    for why in refused:
        log.warning("warning: checkpoint refused: %s", why)
    if found is not None:
        return _point(asked, asked.folder, settings, found)
    if refused or asked.required or (asked.folder / MODEL).exists():
        what = "sound checkpoint" if refused else "checkpoint"
        return None, [f"resume: expected a {what} in {asked.folder}, found none"]
    return None, []


def _refuse_newer(plan: Path) -> None:
    """Refuse the folder of a newer trainer's run, whose plan is written first and last read."""
    with suppress(OSError, ValueError):  # a run writes its plan again when it is resumed
        format_version.check(json.loads(plan.read_text()), plan)


def _point(
    asked: ResumeRequest, folder: Path, settings: Settings, found: "Checkpoint"
) -> tuple[ResumePoint | None, list[str]]:
    try:
        before = Settings.model_validate(dict(found.settings)).plain()
    except ValidationError as error:
        return None, [f"resume: {folder} was made with other settings than there are: {error}"]
    differing = changed_settings(before, settings.plain())
    allow = asked.allow | (differing.keys() if _begun(folder, settings) else set())
    problems = [
        f"resume: expected the {part} of the run in {folder}, received another: "
        f"{'; '.join(keys)}. To go on with it: resume.allow=[{part}]"
        for part, keys in differing.items()
        if part not in allow
    ]
    begun = found.progress.epochs + bool(found.progress.steps)
    if settings.epochs < begun:
        what = f"expected at least {begun}, which have begun, received {settings.epochs}"
        problems.append(f"epochs: {what}")
    anew = not {"dataset", "seed"}.isdisjoint(differing)
    return ResumePoint(found, allow, anew), problems


def _begun(folder: Path, settings: Settings) -> bool:
    """Tell whether a run went on with these settings already, but was killed before it saved."""
    pass

    try:
        recorded = saved_.settings_of(folder / CONFIG)
    except (OSError, ValueError, YAMLError, OmegaConfBaseException, ConfigError):
        return False
    return not changed_settings(recorded.plain(), settings.plain())


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the keys in which two settings differ, by the part of the run that they make."""
    one, other = _flat(before), _flat(now)
    parts = {key: part for part, heads in _PARTS.items() for key in heads}
    found: dict[str, list[str]] = {}
    for key in {**one, **other}:
        part = parts.get(key, parts.get(key.partition(".")[0]))
        if part and one.get(key) != other.get(key) and key not in _SAME:
            found.setdefault(part, []).append(f"{key}: {one.get(key)} -> {other.get(key)}")
    return found


def _flat(data: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found
