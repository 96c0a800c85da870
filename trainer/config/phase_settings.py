"""Phase settings: the settings of a run as they are in one of its phases. Pure Python."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from trainer.config.phases import Phases, PhaseSetting
from trainer.config.policy import Policy
from trainer.config.schema import Settings
from trainer.config.validation_errors import describe


def settings_of(settings: Settings, phase: PhaseSetting) -> Settings:
    """Return the settings of a run with what is frozen in one of its phases.

    Args:
        settings: of the run; ``freeze``, ``method`` and ``norm`` hold if the phase has none.
        phase: one of its phases.
    """
    frozen = {
        name: value
        for name in ("freeze", "method", "norm")
        if (value := getattr(phase, name)) is not None
    }
    policy = phase.policy or Policy(rules=phase.rules or [])
    return settings.model_copy(update={**frozen, "policy": policy, "phases": Phases()})


def validated_list(entries: Any) -> tuple[list[PhaseSetting], list[str]]:
    """Return the phases that a generator has returned, and what is wrong with them.

    Args:
        entries: phases as they are written in ``phases.list``.
    """
    if not isinstance(entries, Sequence) or not all(isinstance(e, Mapping) for e in entries):
        return [], [f"phases: expected a generator of a list of mappings, received {entries!r}"]
    if not entries:
        return [], ["phases: expected a generator of at least one phase, received none"]
    try:
        return Phases.model_validate({"list": list(entries)}).entries, []
    except ValidationError as error:
        details = error.errors(include_url=False)
    return [], [describe({**d, "loc": ("phases", *d["loc"])}, Settings) for d in details]
