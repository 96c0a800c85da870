"""One step while it runs: the commands it runs, what it requires, and what it has learnt."""

import math
import os
import shlex
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from scripts.ascend_check_steps import process
from scripts.ascend_check_steps.options import Options
from scripts.ascend_check_steps.process import Outcome

REFERENCE = "stop_gradient"  # the run of the step compile
ROOT = Path(__file__).resolve().parents[2]


class StepFailed(Exception):
    """What the step is about does not hold; the message says what was expected and received."""


class StepNotRun(Exception):
    """The step needs something that an earlier one has not left; the message says what."""


class StepSkipped(Exception):
    """The step does not apply to this machine; the message says why."""


@dataclass
class Workspace:
    """What the steps share.

    Attributes:
        options: those of the command line.
        folder: the temporary folder in which everything is written.
        python: the interpreter that has the trainer's requirements; known after the installation.
        device_count: the number of devices that a run can use.
        facts: versions and devices, for the head of the report.
    """

    options: Options
    folder: Path
    python: str = ""
    device_count: int = 1
    facts: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """Return the environment variables of a command of the trainer."""
        added = {
            "PYTHONPATH": os.pathsep.join([str(ROOT), *_split(os.environ.get("PYTHONPATH"))]),
            "PYTHONFAULTHANDLER": "1",  # a crash, or the time limit, shows where each thread is
            "PYTHONUNBUFFERED": "1",
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "TMPDIR": str(self.folder),
            "ASCEND_PROCESS_LOG_PATH": str(self.folder / "ascend_log"),
        }
        return {**os.environ, **added}


def _split(paths: str | None) -> list[str]:
    return [path for path in (paths or "").split(os.pathsep) if path]


class Check:
    """A step that runs.

    Args:
        workspace: what it shares with the others.
        limit: its seconds.

    Attributes:
        outcomes: how its commands ended.
        notes: figures and other results, each a sentence or less.
        details: longer texts, each with a title, for the section of the step alone.
    """

    def __init__(self, workspace: Workspace, limit: float) -> None:
        self.workspace = workspace
        self.outcomes: list[Outcome] = []
        self.notes: list[str] = []
        self.details: list[tuple[str, str]] = []
        self._limit = limit
        self._end = time.monotonic() + limit

    def run(
        self,
        *argv: str,
        expected: int | None = 0,
        variables: Mapping[str, str] | None = None,
        limit: float = math.inf,
    ) -> Outcome:
        """Run a command in the temporary folder.

        Args:
            argv: the command.
            expected: the exit code that it must have; None: however it ends.
            variables: its environment variables; by default those of the workspace.
            limit: seconds after which it is ended, if the step still has as many.

        Raises:
            StepFailed: it did not end by itself, or with another code.
        """
        remaining = max(0.1, min(limit, self._end - time.monotonic()))
        variables = self.workspace.variables() if variables is None else variables
        try:
            outcome = process.run(argv, self.workspace.folder, variables, remaining)
        except BaseException as error:
            self.outcomes.append(Outcome(argv, None, 0.0, "", str(error)))
            raise
        self.outcomes.append(outcome)
        if expected is not None:
            self.require_exit(outcome, expected)
        return outcome

    def require_exit(self, outcome: Outcome, code: int) -> None:
        """Raise StepFailed unless a command ended by itself with this exit code."""
        command = f"`{typed(outcome.argv)}`"
        if outcome.ended_because:
            step = f"; the step's limit is {self._limit:.0f} s"
            raise StepFailed(f"{command}: {outcome.ended_because}{step}")
        if outcome.code != code:
            received = f"expected exit code {code}, received {code_text(outcome.code)}"
            raise StepFailed(f"{received} from {command}{_last_line(outcome.output)}")

    def python(self, *arguments: str, expected: int | None = 0, **added: str) -> Outcome:
        """Run the interpreter that has the trainer's requirements, with additional variables."""
        variables = {**self.workspace.variables(), **added}
        return self.run(self.workspace.python, *arguments, expected=expected, variables=variables)

    def trainer(self, verb: str, *arguments: str, expected: int | None = 0) -> Outcome:
        """Run ``python -m trainer``, or with a verb ``python -m trainer.VERB``."""
        return self.python("-m", f"trainer.{verb}".rstrip("."), *arguments, expected=expected)

    def train(self, name: str, *overrides: str, expected: int | None = 0) -> Path:
        """Train for two epochs on the device, in a folder of this name; return that folder."""
        run = [*self.on_device(), "epochs=2", *overrides, f"hydra.run.dir={name}"]
        self.trainer("", *run, expected=expected)
        return self.workspace.folder / name

    def on_device(self) -> list[str]:
        """Return the overrides that select the device."""
        options = self.workspace.options
        number = [f"device.device_id={options.device_id}"] if options.device == "ascend" else []
        return [f"device={options.device}", *number]

    def reference(self) -> Path:
        """Return the folder of the run with which others are compared."""
        run = self.workspace.folder / REFERENCE
        if not (run / "model.safetensors").exists():
            raise StepNotRun("it needs the finished run of the step compile")
        return run

    def require(self, holds: bool, text: str) -> None:
        """Raise StepFailed with this text unless something holds."""
        if not holds:
            raise StepFailed(text)

    def note(self, text: str) -> None:
        """Add a result to the report."""
        self.notes.append(text)

    def is_over(self) -> bool:
        """Return whether the time of the step is over."""
        return time.monotonic() >= self._end


def typed(argv: Sequence[str]) -> str:
    """Return a command as one would type it."""
    program, *arguments = argv
    name = Path(program).name
    return shlex.join(["python" if name.startswith("python") else program, *arguments])


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f": {lines[-1][-300:]}" if lines else ", which wrote nothing"


def code_text(code: int | None) -> str:
    """Return an exit code as text, with the name of the signal if one ended the command."""
    if code is None:
        return "none"
    if code >= 0:
        return str(code)
    with suppress(ValueError):
        return f"{code} ({signal.Signals(-code).name})"
    return str(code)
