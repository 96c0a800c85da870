"""Choice: whether the convolutions of this process are blocked. Imports no MindSpore.

It is made once per process, because MindSpore's oneDNN is configured only once.
"""

import os
from dataclasses import dataclass, replace

from trainer.backend.convolutions import native_library, verdict

AUTO, BLOCKED, PLAIN = "auto", "blocked", "plain"
VARIABLE = "TRAINER_CONVOLUTIONS"  # what ``auto`` stands for


@dataclass(frozen=True)
class Choice:
    """The convolutions of a process.

    Attributes:
        blocked: whether they are blocked, or are going to be once MindSpore is imported.
        installed: whether the library is at work.
        why: why they are not blocked although that was wanted; empty: they are, or it was not.
        as_before: whether they are plain only because the run that resumes began with plain ones.
    """

    blocked: bool = False
    installed: bool = False
    why: str = ""
    as_before: bool = False


@dataclass
class _State:
    choice: Choice | None = None
    auto_is_plain: bool = False


_state = _State()


def prefer_plain() -> None:
    """Have ``auto`` stand for ``plain`` in this process, unless the convolutions are chosen."""
    _state.auto_is_plain = True


def wanted(setting: str) -> str:
    """Return ``auto``, ``blocked`` or ``plain``: what a setting stands for in this process."""
    if setting != AUTO:
        return setting
    return os.environ.get(VARIABLE) or (PLAIN if _state.auto_is_plain else AUTO)


def choose(setting: str, may_test: bool = True) -> Choice:
    """Choose the convolutions of this process, unless they are chosen; return them.

    Args:
        setting: ``auto``, ``blocked`` or ``plain``.
        may_test: whether a self-test may be started, if this machine has none yet.
    """
    if _state.choice is None:
        if wanted(setting) == PLAIN:
            _state.choice = Choice(as_before=setting == AUTO and not os.environ.get(VARIABLE))
        else:
            why = verdict.reason(may_test)
            _state.choice = Choice(why == "", why=why or "")
    return _state.choice


def install() -> Choice:
    """Make the convolutions of MindSpore, which is imported by now, what was chosen."""
    choice = current()
    if choice.blocked and not choice.installed:
        why = native_library.install()
        _state.choice = replace(choice, blocked=not why, installed=not why, why=why)
    return current()


def current() -> Choice:
    """Return the convolutions of this process; plain ones if nothing was chosen."""
    return _state.choice or Choice()


def name() -> str:
    """Return ``blocked`` or ``plain``: what the convolutions of this process are."""
    return BLOCKED if current().installed else PLAIN


def setting_problem(setting: str) -> str:
    """Return why this machine cannot compute as a setting says; empty if it can."""
    target = wanted(setting)
    if target not in (AUTO, BLOCKED, PLAIN):
        return f"{VARIABLE}: expected {AUTO}, {BLOCKED} or {PLAIN}, received {target!r}"
    why = (current().why or verdict.reason()) if target == BLOCKED else ""
    key = "device.convolutions" if setting == BLOCKED else VARIABLE
    return f"{key}={BLOCKED}: not possible here: {why}; expected {AUTO} or {PLAIN}" if why else ""


def process_problem(setting: str) -> str:
    """Return that this process computes otherwise than a setting says; empty if it does not."""
    if setting in (AUTO, name()):
        return ""
    return (
        f"device.convolutions={setting}: expected a process of its own, received one that has "
        f"begun with {name()} convolutions"
    )


def could_be_blocked() -> bool:
    """Return whether they would be blocked if the run that resumes had not begun with plain ones.

    False also where no self-test has shown that.
    """
    return current().as_before and verdict.reason(may_test=False) == ""


def description() -> str:
    """Return the convolutions of this process, and why they are not blocked."""
    why = current().why
    return f"{name()} convolutions" + (f" (not blocked: {why})" if why else "")
