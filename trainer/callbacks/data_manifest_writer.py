"""Data manifest writer: hashes the files of the data while the run trains."""

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from trainer.artifacts import data_manifest
from trainer.artifacts.data_manifest import DataManifest
from trainer.core.text import quantity, shorten
from trainer.engine.callback import Callback, RunInfo

log = logging.getLogger(__name__)


class DataManifestWriter(Callback):
    """Writes ``data.jsonl``; its ``on_run_end`` must run before the manifest is written.

    It has a thread of its own: the background writer's tasks must be complete before each epoch.

    Args:
        folder: the run's.
        parts: map-style datasets by split; those without ``files`` are left out.
    """

    def __init__(self, folder: Path, parts: Mapping[str, Any]) -> None:
        self._folder = folder
        self._parts = parts
        self._cancelled = threading.Event()
        self._thread = ThreadPoolExecutor(1, "data-manifest")
        self._manifest: Future[DataManifest | None] | None = None

    def on_run_start(self, run: RunInfo) -> None:
        """Begin to read the files."""
        is_cancelled = self._cancelled.is_set
        self._manifest = self._thread.submit(data_manifest.make, self._parts, is_cancelled)

    def on_run_end(self, done: bool) -> None:
        """Write the manifest; a run that ends early does not wait for it, and resumes with it."""
        if self._manifest is None:
            return
        if not done:
            self._cancelled.set()
        elif not self._manifest.done():
            log.info("waiting for the hashes of the data's files")
        manifest = self._manifest.result()
        self._thread.shutdown()
        if manifest is not None:
            self._write(manifest)

    def _write(self, manifest: DataManifest) -> None:
        if unread := [row.file for row in manifest.files if not row.sha256]:
            count = quantity(len(unread), "file")
            log.warning("warning: %s of the data cannot be read: %s", count, shorten(unread))
        data_manifest.write(self._folder, manifest)
