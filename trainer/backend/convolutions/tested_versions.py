"""Tested versions: those of MindSpore and oneDNN with which blocked convolutions were tested.

The library relies on which of oneDNN's functions MindSpore calls, and in which order.
"""

# The first numbers of the versions that were tested, by program.
_TESTED = {"MindSpore": ("2.10",), "oneDNN": ("3.10",)}


def untested_reason(program: str, version: str) -> str:
    """Return that this version was not tested; empty if it was."""
    if any(f"{version}.".startswith(f"{tested}.") for tested in _TESTED[program]):
        return ""
    tested = " and ".join(f"{number}.x" for number in _TESTED[program])
    received = f"this is {version}" if version else "there is none"
    return f"tested only with {program} {tested}, and {received}"
