"""Jobs of several ranks, as processes of their own that a test can signal one by one."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.command import CHECKOUT

LONG = 240  # seconds that no job here takes, on a machine that is busy with others too
PAIR = ("distributed=msrun", "distributed.ranks=2", "freeze=conv1", "epochs=2")


class Job:
    """``python -m trainer`` in a folder, what it prints kept in a file there.

    Args:
        folder: current folder; what lies in it can be imported.
        lines: overrides.
        environment: variables besides this process's.
    """

    def __init__(
        self, folder: Path, *lines: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self._output = folder / f"output.{time.monotonic_ns()}"
        with self._output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "trainer", *lines],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT), **(environment or {})},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._output.read_text()

    def until(self, text: str) -> "Job":
        """Wait until it has printed something."""
        end = time.monotonic() + LONG
        while text not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(0.05)
        return self

    def rank(self, number: int) -> int:
        """Process id of one of the ranks that it has started."""
        own = self.process.pid
        listed = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        marks = {b"MS_ROLE=MS_WORKER", b"MS_NODE_ID=%d" % number}
        found = [
            int(pid)
            for pid in listed
            if marks <= set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
        ]
        assert len(found) == 1, found
        return found[0]

    def code(self) -> int:
        """Wait for its end; return the exit code."""
        return self.process.wait(LONG)
