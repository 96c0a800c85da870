"""Process: a worker of a sweep, as the command sees it that started it."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from trainer.core.run_files import OUTPUT
from trainer.launch import jobs

_LOOK = 0.5  # seconds between looks whether a process that says nothing has died


class WorkerHandle:
    """Trains jobs, one after the other, in a process that is started when it is needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._responses = -1
        self._terminated_pid = 0
        self._device: DictConfig | None = None

    def train(self, folder: Path, config: DictConfig, allow: Collection[str]) -> tuple[int, str]:
        """Train a job; return its exit code, negative for a signal that killed it, and why.

        Args:
            folder: of the job.
            config: its whole configuration, Hydra's part too.
            allow: what may have changed since it began.
        """
        if self._device not in (None, config.device):
            self.close()  # a process has one device, and one way to compute on it
        self._device = config.device
        process = self._start_if_needed()
        order = {"folder": str(folder), "config": OmegaConf.to_yaml(config), "allow": [*allow]}
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            answer = _read_line(self._responses, process)
        except BrokenPipeError:
            answer = ""
        if answer:
            found = json.loads(answer)
            return int(found["code"]), str(found["why"])
        code = process.wait()
        self.close()
        what = f"killed by {signal.Signals(-code).name}" if code < 0 else f"it exited with {code}"
        return code or 1, f"its process died: {what}; see {folder / OUTPUT}"

    def stop(self) -> None:
        """Have the job that trains saved and ended; a process is told once."""
        process = self._process
        if process is not None and process.pid != self._terminated_pid and process.poll() is None:
            self._terminated_pid = process.pid
            process.terminate()

    def kill(self) -> None:
        """End the process at once."""
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """Let the process end, whose job is done; the next job gets another."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it has died, with something left to tell it
                process.stdin.close()
            process.wait()
            os.close(self._responses)

    def _start_if_needed(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is not None:
            self.close()  # it died between two jobs, which is neither's fault
        if self._process is None:
            self._responses, theirs = os.pipe()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "trainer.launch.local.worker", str(theirs)],
                stdin=subprocess.PIPE,
                text=True,
                env=jobs.job_environment(),
                pass_fds=[theirs],
                start_new_session=True,  # Ctrl-C is for the sweep, which hands it on
            )
            os.close(theirs)
        return self._process


def _read_line(descriptor: int, writer: "subprocess.Popen[str]") -> str:
    """Read a line; empty: the writer has gone, though a child of its own may hold the pipe."""
    found = b""
    while not found.endswith(b"\n"):
        gone = writer.poll() is not None
        if not select.select([descriptor], [], [], _LOOK)[0]:
            if gone:
                return ""
            continue
        block = os.read(descriptor, 1 << 16)
        if not block:
            return ""
        found += block
    return found.decode()
