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
    """Return how the classes of data differ from those that a model was trained on."""
    return _problems(f"the {len(recorded)} classes of the run", recorded, received)


def part_problems(train: Sequence[str], received: Sequence[str]) -> list[str]:
    """Return how the classes of validation data differ from those of the training data."""
    return _problems("the validation data to have the classes of training", train, received)


def _problems(what: str, expected: Sequence[str], received: Sequence[str]) -> list[str]:
    """Return how classes differ; classes that have no names on one side are not compared."""
    if not expected or not received or list(expected) == list(received):
        return []
    added = [name for name in received if name not in expected]
    missing = [name for name in expected if name not in received]
    texts = [f"new: {shorten(added)}"] if added else []
    texts += [f"missing: {shorten(missing)}"] if missing else []
    difference = "; ".join(texts) or f"another order: {shorten(received)}"
    text = f"expected {what}, {shorten(expected)}, received {len(received)} ({difference})"
    return [f"dataset: {text}"]
