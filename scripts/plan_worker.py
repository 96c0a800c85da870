"""Plan worker: a process that plans models, and is replaced if one takes it too far."""

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Any

_SPAWN = multiprocessing.get_context("spawn")
_REPLACE_GB = 2.0  # left over from earlier models, above which a process is replaced
_POLL_SECONDS = 0.2


class Planner:
    """Plans one model at a time, within limits of time and memory.

    Args:
        overrides: what to freeze, as on the command line.
        timeout: seconds per model.
        memory: GB that the process may occupy.
    """

    def __init__(self, overrides: Sequence[str], timeout: float, memory: float) -> None:
        self.overrides = list(overrides)
        self.timeout = timeout
        self.memory = memory
        self.process: SpawnProcess | None = None
        self.pipe: Connection[str, str] | None = None

    def __enter__(self) -> "Planner":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def plan(self, name: str) -> dict[str, Any]:
        """Return seconds, the most GB occupied, and the result, for a model's name."""
        process, pipe = self._running()
        start, peak = time.time(), 0.0
        pipe.send(name)
        text = ""
        while not text:
            peak = max(peak, _occupied_gb(process))
            text = self._result(process, pipe, time.time() - start, peak)
        if not process.is_alive() or _occupied_gb(process) > _REPLACE_GB:
            self._stop()
        return {
            "seconds": round(time.time() - start, 1),
            "memory_gb": round(peak, 1),
            "result": text,
        }

    def _result(
        self, process: SpawnProcess, pipe: "Connection[str, str]", seconds: float, occupied: float
    ) -> str:
        """Return the result, or why there will be none; nothing if it is not there yet."""
        if pipe.poll(_POLL_SECONDS):
            try:
                return pipe.recv()
            except EOFError:
                process.join()
                return f"the process ended with {process.exitcode}"
        problem = ""
        if seconds > self.timeout:
            problem = f"no plan after {self.timeout:g} s"
        if occupied > self.memory:
            problem = f"no plan within {self.memory:g} GB"
        if problem:
            self._stop()
        return problem

    def _running(self) -> "tuple[SpawnProcess, Connection[str, str]]":
        if self.process is None or self.pipe is None:
            self.pipe, theirs = _SPAWN.Pipe()
            self.process = _SPAWN.Process(target=_work, args=(theirs, self.overrides), daemon=True)
            self.process.start()
            theirs.close()
        return self.process, self.pipe

    def _stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = self.pipe = None


def _occupied_gb(process: SpawnProcess) -> float:
    """Return the memory that a process occupies; 0 if it has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(lines[0].split()[1]) / 1e6 if lines else 0.0


def _work(pipe: "Connection[str, str]", overrides: Sequence[str]) -> None:
    """Send a result for each name that comes through the pipe."""
    while True:
        model = ["model=mindcv", f"model.name={pipe.recv()}", "model.num_classes=10"]
        text = _result([*model, *overrides])
        if not text.startswith("planned:"):
            without_cut = _result([*model, *overrides, "method=requires_grad"])
            if without_cut.startswith("planned:"):
                text = f"planned with method=requires_grad only: {text}"
        pipe.send(text)


def _result(lines: Sequence[str]) -> str:
    from trainer.cli import plan as preview  # imports MindSpore, after the device is set
    from trainer.core.errors import ConfigError

    try:
        plan = preview.prepare(lines).plan
    except ConfigError as error:
        return " ".join(error.problems)
    except Exception as error:  # a bug; the next model is planned nevertheless
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    counts = (f"{len(plan.names(state))} {state}" for state in ("trainable", "frozen"))
    return f"planned: {', '.join(counts)}"
