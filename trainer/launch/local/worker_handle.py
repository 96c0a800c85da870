"""WorkerHandle: a worker process of a sweep, as the command that starts it sees it."""

import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from trainer.config import config_folders
from trainer.core.run_files import OUTPUT
from trainer.launch import jobs

log = logging.getLogger(__name__)

_WORKER = "trainer.launch.local.worker"
_POLL = 0.5  # seconds between checks whether a silent process has died


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
            folder: the job's folder.
            config: its whole configuration, with Hydra's part.
            allow: settings that may have changed since it began.
        """
        if self._device not in (None, config.device):
            self.close()  # the device of a process, and how it computes, cannot be changed
        self._device = config.device
        request = {"folder": str(folder), "config": OmegaConf.to_yaml(config), "allow": [*allow]}
        response = self._respond(request)
        if restart := response.get("restart"):  # for once: the next process knows why
            log.warning("%s; the process of the job starts again", response["why"])
            os.environ.update(restart)
            self.close()
            response = self._respond(request)
        return int(response["code"]), str(response["why"])

    def _respond(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Have the process train a job; return its response, or how it died."""
        process = self._start_if_needed()
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = _read_line(self._responses, process)
        except BrokenPipeError:
            line = ""
        if line:
            return dict(json.loads(line))
        code = process.wait()
        self.close()
        end = f"killed by {signal.Signals(-code).name}" if code < 0 else f"it exited with {code}"
        why = f"its process died: {end}; see {Path(request['folder']) / OUTPUT}"
        return {"code": code or 1, "why": why}

    def stop(self) -> None:
        """Save and end the job in training; the signal is sent to a process only once."""
        process = self._process
        if process is not None and process.pid != self._terminated_pid and process.poll() is None:
            self._terminated_pid = process.pid
            process.terminate()

    def kill(self) -> None:
        """Kill the process."""
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """End the process, whose job has ended; the next job starts another one."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it has died before it read everything
                process.stdin.close()
            process.wait()
            os.close(self._responses)

    def _start_if_needed(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is not None:
            self.close()  # it died between two jobs, of which neither has failed
        if self._process is None:
            self._responses, writer = os.pipe()
            self._process = subprocess.Popen(
                [sys.executable, "-m", _WORKER, str(writer), *config_folders.flags()],
                stdin=subprocess.PIPE,
                text=True,
                env=jobs.job_environment(),
                pass_fds=[writer],
                start_new_session=True,  # Ctrl-C reaches the sweep alone, which forwards it
            )
            os.close(writer)
        return self._process


def _read_line(descriptor: int, process: "subprocess.Popen[str]") -> str:
    """Read a line from a process; return an empty text if it has died.

    The pipe may stay open then, held by a child of the process.
    """
    line = b""
    while not line.endswith(b"\n"):
        has_ended = process.poll() is not None
        if not select.select([descriptor], [], [], _POLL)[0]:
            if has_ended:
                return ""
            continue
        block = os.read(descriptor, 1 << 16)
        if not block:
            return ""
        line += block
    return line.decode()
