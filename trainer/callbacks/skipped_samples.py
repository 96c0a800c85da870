"""Skipped samples: names the samples that a run has left out because they cannot be read."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer.core import atomic_files, format_version
from trainer.core.run_files import SKIPPED
from trainer.core.text import quantity
from trainer.engine.callback import Callback

log = logging.getLogger(__name__)


class SkippedSamples(Callback):
    """Writes ``skipped.json`` if there are any; its ``on_run_end`` precedes the manifest's.

    Args:
        folder: the run's.
        skipped: by the name of a part of the data, what was left out of it by index; read at the
            end.
    """

    def __init__(self, folder: Path, skipped: Mapping[str, Mapping[int, str]]) -> None:
        self._folder = folder
        self._skipped = skipped

    def on_run_end(self, done: bool) -> None:
        """Write the file, and report the number of the samples."""
        if rows := list(self._rows()):
            record = format_version.stamp({"skipped": rows})
            atomic_files.write_lines(self._folder / SKIPPED, record)
            count = quantity(len(rows), "sample")
            log.warning("warning: skipped %s that cannot be read: %s lists them", count, SKIPPED)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for split, samples in self._skipped.items():
            for index in sorted(samples):
                yield {"split": split, "index": index, "reason": samples[index]}
