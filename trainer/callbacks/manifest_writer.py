"""Manifest writer: writes the manifest when a run is over."""

import logging
from pathlib import Path

from trainer.artifacts import manifest
from trainer.engine.callback import Callback

log = logging.getLogger(__name__)


class ManifestWriter(Callback):
    """Writes ``manifest.json``; its ``on_run_end`` must run after all that writes files.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._resumed = False

    def on_resume(self, epoch: int) -> None:
        """Note the resume: files in the folder may be of other settings."""
        self._resumed = True

    def on_run_end(self, done: bool) -> None:
        """Write the manifest; log its checksum, to be noted outside the run's folder."""
        log.info("manifest sha256 %s", manifest.write(self._folder, done, self._resumed))
