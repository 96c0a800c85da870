"""Tested versions: those of MindSpore and oneDNN that the tests run on. Imports no MindSpore.

MindSpore before 2.9 is refused. A newer version than the tested ones is used with a warning and
with plain convolutions, because the C++ library relies on which of oneDNN's functions MindSpore
calls, and in which order.
"""

import importlib.metadata
import re

from trainer.core.errors import ConfigError

MINDSPORE = "MindSpore"
ONEDNN = "oneDNN"

# The first numbers of the versions that were tested, by program; docs/versions.md says how.
_TESTED = {MINDSPORE: ("2.9", "2.10"), ONEDNN: ("3.10",)}
_OLDEST = (2, 9)
# What was found to be missing in older versions: without it there is no plan.
_MISSING = {
    "2.7": "whose BackwardNode has no _unique_id, which the plan reads",
    "2.8": "whose BackwardNode has no _unique_id, which the plan reads",
}


def mindspore_version() -> str:
    """Return the version of the installed MindSpore; empty if no package of that name is."""
    try:
        return importlib.metadata.version("mindspore")
    except importlib.metadata.PackageNotFoundError:
        return ""


def untested_reason(program: str, version: str) -> str:
    """Return that this version was not tested; empty if it was."""
    if _series(version) in _TESTED[program]:
        return ""
    received = f"this is {version}" if version else "there is none"
    return f"tested only with {program} {_tested(program)}, and {received}"


def check_mindspore() -> None:
    """Refuse a MindSpore that is too old; call it before MindSpore is imported.

    Raises:
        ConfigError: it is too old; the message says what it lacks.
    """
    version = mindspore_version()
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) >= _OLDEST:
        return
    lack = _MISSING.get(_series(version), "which was never tested")
    expected = f"expected MindSpore {_tested(MINDSPORE, 'or')}, received {version}, {lack}"
    newest = _TESTED[MINDSPORE][-1]
    raise ConfigError([f"mindspore: {expected}; pip install 'mindspore=={newest}.*'"])


def mindspore_warning() -> str:
    """Return a warning about a MindSpore that was not tested; empty if it was."""
    version = mindspore_version()
    reason = untested_reason(MINDSPORE, version) if version else ""
    return f"warning: {reason}" if reason else ""


def _series(version: str) -> str:
    """Return the first two numbers of a version: ``2.10`` of ``2.10.0``."""
    return ".".join(version.split(".")[:2])


def _tested(program: str, conjunction: str = "and") -> str:
    return f" {conjunction} ".join(f"{number}.x" for number in _TESTED[program])
