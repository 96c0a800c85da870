"""Class names of a run's data, kept in its folder."""

import json
from collections.abc import Sequence
from pathlib import Path

from trainer.core import atomic_files, format_version
from trainer.core.errors import ConfigError
from trainer.core.run_files import CLASS_NAMES
from trainer.core.text import shorten


def write(folder: Path, names: Sequence[str]) -> None:
    """Write the names; a run that resumes, and commands that use its model, read them."""
    record = {"class_names": list(names)}
    atomic_files.write_lines(folder / CLASS_NAMES, format_version.stamp(record))


def read(folder: Path) -> tuple[str, ...]:
    """Return the names of the classes; none if the run has recorded none.

    Raises:
        ConfigError: the file has been changed.
    """
    path = folder / CLASS_NAMES
    try:
        record = json.loads(path.read_text())
        format_version.check(record, path)
        return tuple(str(name) for name in record["class_names"])
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError, KeyError) as error:
        problem = f"{path}: expected the names of the classes as the run wrote them ({error!r})"
        raise ConfigError([problem]) from None


def problems(recorded: Sequence[str], received: Sequence[str]) -> list[str]:
    """Return how the classes of data differ from those that a model was trained on.

    Classes that have no names on either side are not compared.
    """
    if not recorded or not received or list(recorded) == list(received):
        return []
    added = [name for name in received if name not in recorded]
    missing = [name for name in recorded if name not in received]
    texts = [f"new: {shorten(added)}"] if added else []
    texts += [f"missing: {shorten(missing)}"] if missing else []
    difference = "; ".join(texts) or f"another order: {shorten(received)}"
    expected = f"expected the {len(recorded)} classes of the run, {shorten(recorded)}"
    return [f"dataset: {expected}, received {len(received)} ({difference})"]
