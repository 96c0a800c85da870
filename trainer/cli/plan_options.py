"""Plan options: the keys of ``python -m trainer.plan`` that are no overrides of the run."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_KEYS = ("depth=", "measure=", "modes=", "out=", "write=")


@dataclass(frozen=True)
class Options:
    """The keys of this command alone."""

    depth: int | None = None
    measure: bool = False
    modes: bool = False
    out: Path = Path("plan")
    write: Path | None = None


def read(words: Sequence[str]) -> tuple[Options, list[str], list[str]]:
    """Return the command's own options, the other words, and the problems of the options."""
    own = [word for word in words if word.startswith(_KEYS)]
    values = dict(word.split("=", 1) for word in own)
    problems = []
    depth, out = values.get("depth"), values.get("out", "plan")
    if depth is not None and not (depth.isdecimal() and int(depth) > 0):
        problems.append(f"depth: expected a whole number of at least 1, received {depth!r}")
        depth = None
    flags = {name: values.get(name, "false") for name in ("measure", "modes")}
    for name, value in flags.items():
        if value not in ("true", "false"):
            problems.append(f"{name}: expected true or false, received {value!r}")
    if why := unwritable_reason(Path(out)):
        problems.append(f"out: expected a folder to write in, received {out!r} ({why})")
    write = Path(values["write"]) if "write" in values else None
    if write and (why := _unwritable_file(write)):
        problems.append(f"write: expected a new file to write, received {str(write)!r} ({why})")
    are_set = {name: value == "true" for name, value in flags.items()}
    options = Options(int(depth) if depth else None, out=Path(out), write=write, **are_set)
    return options, [word for word in words if word not in own], problems


def _unwritable_file(file: Path) -> str | None:
    """Return why a file cannot be created; None if it can."""
    return "it exists" if file.exists() else unwritable_reason(file.absolute().parent)


def unwritable_reason(folder: Path) -> str | None:
    """Return why a folder can neither be written in nor created; None if it can."""
    at = folder.absolute()
    while not at.exists():
        if at.is_symlink():
            return f"{at} is a link that leads nowhere"
        at = at.parent
    if not at.is_dir():
        return f"{at} is a file"
    return None if os.access(at, os.W_OK) else f"{at} is not writable"
