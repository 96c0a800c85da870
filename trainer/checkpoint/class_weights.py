"""Class weights that a run has counted from its training labels, kept in its folder."""

import json
from collections.abc import Sequence
from pathlib import Path

from trainer.core import atomic_files, format_version
from trainer.core.errors import ConfigError
from trainer.core.run_files import CLASS_WEIGHTS


def write(folder: Path, weights: Sequence[float]) -> None:
    """Write the weights; a run that resumes, and commands that use its model, read them."""
    record = {"class_weights": list(weights)}
    atomic_files.write_lines(folder / CLASS_WEIGHTS, format_version.stamp(record))


def read(folder: Path) -> list[float] | None:
    """Return the weights of a run; None: it has counted none.

    Raises:
        ConfigError: the file has been changed.
    """
    path = folder / CLASS_WEIGHTS
    try:
        record = json.loads(path.read_text())
        format_version.check(record, path)
        return [float(weight) for weight in record["class_weights"]]
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        problem = f"{path}: expected the class weights as the run wrote them ({error!r})"
        raise ConfigError([problem]) from None
