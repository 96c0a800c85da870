"""Phase lengths: how long phases are, and whether that adds up to the run. Pure Python."""

from collections.abc import Iterator, Sequence

from trainer.config.phases import PhaseSetting, Until

_CLOSE = 1e-6


def length_in_epochs(until: Until | None, epochs: float) -> float | None:
    """Return the length, or greatest length, of a phase in epochs.

    Args:
        until: when it ends; None: at the end of the run.
        epochs: of the whole run.

    Returns:
        None if it is not known: at the end of the run, or after a number of steps.
    """
    if until is None or until.steps is not None:
        return None
    if until.share is not None:
        return until.share * epochs
    return until.max_epochs if until.monitor else until.epochs


def total_problems(
    phases: Sequence[PhaseSetting], lengths: Sequence[float | None], total: float, unit: str
) -> Iterator[str]:
    """Yield that the lengths of phases do not add up to the length of the run.

    Args:
        phases: in order.
        lengths: of each, or the greatest one; None, in the last phase only: the rest of the run.
        total: length of the run.
        unit: of the lengths, for the message.
    """
    known = [length for length in lengths if length is not None]
    used = sum(known)
    is_open, is_monitored = len(known) < len(lengths), any(map(_is_monitored, phases))
    if is_open and used > total - _CLOSE:
        expected = f"less than {total:g} {unit} before the last phase"
    elif not is_open and used > total + _CLOSE:
        expected = f"{'at most ' if is_monitored else ''}{total:g} {unit}, the run's length"
    elif not is_open and not is_monitored and used < total - _CLOSE:
        expected = f"{total:g} {unit}, the run's length"
    else:
        return
    listed = " + ".join(f"{length:g}" for length in known)
    names = ", ".join(p.name for p, n in zip(phases, lengths, strict=True) if n is not None)
    sums = f"{listed} = {used:g}" if len(known) > 1 else listed
    yield f"phases.list: expected {expected}, received {sums} ({names})"


def _is_monitored(phase: PhaseSetting) -> bool:
    return phase.until is not None and phase.until.monitor is not None
