"""Phase problems: what does not fit together in the phases of a run. Pure Python."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from trainer.config import evaluation, phase_file
from trainer.config.phase_lengths import length_in_epochs, total_problems
from trainer.config.phases import PhaseSetting, Until
from trainer.config.policy import Policy
from trainer.config.schema import Settings

_OF_MONITOR = ("patience", "max_epochs")


def problems(entries: Sequence[Any], settings: Settings, is_adaptive: bool = False) -> list[str]:
    """Return what does not fit together, without what is wrong with the type of a value.

    Args:
        entries: the phases, as they are written or validated.
        settings: of the run.
        is_adaptive: whether their ends are decided while the run trains.
    """
    if not entries:
        return []
    phases = [_parsed(entry) for entry in entries]
    texts = [*_names(phases), *_policy(settings), *_max_drop(settings, is_adaptive)]
    for at, phase in enumerate(phases):
        if phase is not None:
            is_last = at + 1 == len(phases) or is_adaptive
            found = [*_phase(phase), *_until(phase, settings, is_last)]
            found += _best(phases[:at], phase, settings)
            if is_adaptive and phase.start_from != "last":
                expected = "expected last, because the training decides when a phase begins"
                found.append(f".start_from: {expected}, received {phase.start_from}")
            texts += [f"{place(at, phase.name)}{text}" for text in found]
    whole = [phase for phase in phases if phase is not None]
    if not texts and len(whole) == len(phases) and not is_adaptive:
        texts += _lengths(whole, settings)
    return texts


def of_settings(settings: Settings) -> list[str]:
    """Return the problems of the phases that are listed; none if there are none."""
    return problems(settings.phases.entries, settings)


def of_config(config: Mapping[str, Any], settings: Settings) -> list[str]:
    """Return the problems of the phases in a configuration, in which some phases are invalid."""
    phases = phase_file.with_file(config)[0].get("phases")
    entries = phases.get("list") if isinstance(phases, Mapping) else None
    return problems(entries, settings) if isinstance(entries, Sequence) else []


def place(at: int, name: str) -> str:
    """Return where a phase stands, for messages."""
    return f"phases.list[{at}] ({name})"


def _parsed(entry: Any) -> PhaseSetting | None:
    """Return a phase; None if a value is wrong, which is reported elsewhere."""
    try:
        return PhaseSetting.model_validate(entry)
    except ValidationError:
        return None


def _names(phases: Sequence[PhaseSetting | None]) -> Iterator[str]:
    first: dict[str, int] = {}
    for at, phase in enumerate(phases):
        if phase is not None and (other := first.setdefault(phase.name, at)) != at:
            why = f"expected another name, received that of phases.list[{other}]"
            yield f"{place(at, phase.name)}.name: {why}"


def _policy(settings: Settings) -> Iterator[str]:
    if settings.policy != Policy():
        why = "received rules or a decay; each phase has a policy of its own"
        yield f"policy: expected policy=none with phases, {why}"


def _max_drop(settings: Settings, is_adaptive: bool) -> Iterator[str]:
    if settings.phases.max_drop is not None and not is_adaptive:
        why = "only a freeze that is decided while the run trains can be undone"
        received = f"received {settings.phases.max_drop:g}"
        yield f"phases.max_drop: expected null, or phases=auto_freezing, {received}; {why}"


def _phase(phase: PhaseSetting) -> Iterator[str]:
    if phase.policy is not None and phase.rules is not None:
        yield ": expected a policy or rules, received both"


def _until(phase: PhaseSetting, settings: Settings, is_last: bool) -> Iterator[str]:
    until = phase.until
    if until is None:
        if not is_last:
            yield ".until: expected epochs, share, steps or monitor, because it is not the last"
        return
    if len(until.ends) != 1:
        received = " and ".join(until.ends) or "none"
        yield f".until: expected one of epochs, share, steps, monitor, received {received}"
    if until.share is not None and until.share > 1:
        yield f".until.share: expected at most 1, the whole run, received {until.share:g}"
    yield from _monitored(until, settings) if until.monitor else _not_monitored(until)
    length = length_in_epochs(until, settings.epochs)
    if length is not None and phase.warmup_epochs > length:
        expected = f"expected at most {length:g}, the epochs of the phase"
        yield f".warmup_epochs: {expected}, received {phase.warmup_epochs:g}"


def _not_monitored(until: Until) -> Iterator[str]:
    for key in (*_OF_MONITOR, "min_delta"):
        if value := getattr(until, key):
            yield f".until.{key}: expected none without until.monitor, received {value:g}"


def _monitored(until: Until, settings: Settings) -> Iterator[str]:
    name, measured = str(until.monitor), settings.evaluation
    if problem := evaluation.unknown(name, measured.metrics):
        yield f".until.monitor: {problem}"
    elif name.startswith(evaluation.EMA) and settings.ema.decay is None:
        yield f".until.monitor: expected ema.decay with {name}, received null"
    for key in _OF_MONITOR:
        if getattr(until, key) is None:
            yield f".until.{key}: expected a number with until.monitor, received none"
    if until.max_epochs and not _evaluates(until.max_epochs, settings):
        expected = f"expected at least {_first_evaluation(settings):g}, so that it is evaluated"
        yield f".until.max_epochs: {expected}, received {until.max_epochs:g}"


def _evaluates(epochs: float, settings: Settings) -> bool:
    """Return whether there is an evaluation within a number of epochs, whenever they begin."""
    return settings.evaluation.every_steps is not None or epochs >= _first_evaluation(settings)


def _first_evaluation(settings: Settings) -> int:
    """Return the most epochs up to an evaluation; the end of the run has one in any case."""
    return min(settings.evaluation.every_epochs, settings.epochs)


def _best(
    before: Sequence[PhaseSetting | None], phase: PhaseSetting, settings: Settings
) -> Iterator[str]:
    """Yield that there are no best weights that a phase can start from."""
    if phase.start_from != "best":
        return
    if not before:
        yield ".start_from: expected last in the first phase, received best"
    elif settings.checkpoint.best is None:
        yield ".start_from: expected a value in checkpoint.best with best, received null"
    lengths = [length_in_epochs(p.until, settings.epochs) if p else None for p in before]
    known = [length for length in lengths if length is not None]
    if before and len(known) == len(before) and not _evaluates(sum(known), settings):
        every = f"evaluation.every_epochs={settings.evaluation.every_epochs}"
        yield f".start_from: expected an evaluation before the phase with best, received {every}"


def _lengths(phases: Sequence[PhaseSetting], settings: Settings) -> Iterator[str]:
    """Yield that lengths do not add up, as far as that is known before the data."""
    shares = [p.until.share for p in phases if p.until and p.until.share]
    steps = [p.until.steps for p in phases if p.until and p.until.steps]
    if sum(shares) > 1 + 1e-9:
        yield f"phases.list: expected shares of at most 1 together, received {sum(shares):g}"
    elif settings.max_steps is not None:
        if sum(steps) > settings.max_steps:
            received = f"received {sum(steps)} steps for max_steps={settings.max_steps}"
            yield f"phases.list: expected lengths within the run, {received}"
    elif not steps:
        lengths = [length_in_epochs(p.until, settings.epochs) for p in phases]
        yield from total_problems(phases, lengths, settings.epochs, "epochs")
