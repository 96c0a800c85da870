"""Runs of several ranks, as processes that a test can signal one by one."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.command import CHECKOUT

TIMEOUT = 240  # seconds; no job here takes as long, not even on a busy machine
PAIR = ("distributed=msrun", "distributed.ranks=2", "freeze=conv1", "epochs=2")


class Job:
    """A process of ``python -m trainer`` in a folder, which keeps its output in a file.

    Args:
        folder: current folder; modules in it can be imported.
        lines: overrides.
        environment: variables in addition to those of this process.
    """

    def __init__(
        self, folder: Path, *lines: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self._output_file = folder / f"output.{time.monotonic_ns()}"
        with self._output_file.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "trainer", *lines],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT), **(environment or {})},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output_file.read_text()

    def wait_for(self, text: str) -> "Job":
        """Wait until it has printed a text."""
        end = time.monotonic() + TIMEOUT
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < end, self.output
            time.sleep(0.05)
        return self

    def rank_pid(self, rank: int) -> int:
        """Process id of one of the ranks that it has started."""
        parent = self.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        variables = {b"MS_ROLE=MS_WORKER", b"MS_NODE_ID=%d" % rank}
        pids = [
            int(pid)
            for pid in children
            if variables <= set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
        ]
        assert len(pids) == 1, pids
        return pids[0]

    def wait(self) -> int:
        """Wait for its end; return the exit code."""
        return self.process.wait(TIMEOUT)
