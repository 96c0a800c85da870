"""Runs the steps one after the other; none that fails, hangs or crashes stops the others."""

import signal
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from scripts.ascend_check_steps.check import Check, StepFailed, StepNotRun, StepSkipped, Workspace
from scripts.ascend_check_steps.result import FAILED, NOT_RUN, OK, SKIPPED, StepResult
from scripts.ascend_check_steps.steps import Step

_LOG_LINES = 30  # of a log


class Stopped(BaseException):
    """A signal has come.

    Attributes:
        number: its number.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"the check was stopped by {signal.Signals(number).name}")

    @property
    def exit_code(self) -> int:
        """The exit code by a shell's convention."""
        return 128 + self.number


class Runner:
    """The steps and what is known of them.

    Args:
        workspace: what they share.
        report: called after each step with all results so far.

    Attributes:
        results: one for each step so far, in order.
        stopped: the signal that has come; None: none.
    """

    def __init__(
        self, workspace: Workspace, report: Callable[[Sequence[StepResult]], None]
    ) -> None:
        self.results: list[StepResult] = []
        self.stopped: Stopped | None = None
        self._workspace = workspace
        self._report = report

    def run(self, steps: Sequence[Step], seconds: float) -> None:
        """Run steps.

        Args:
            steps: the steps.
            seconds: after these no step starts, and the current one is ended.
        """
        end = time.monotonic() + seconds
        for step in steps:
            try:
                self._run_or_skip(step, end)
            except Stopped as stopped:  # between two commands
                self.stopped = stopped

    def _run_or_skip(self, step: Step, end: float) -> None:
        print(f"{step.name:9} ... ", end="", flush=True)
        if reason := self._obstacle(step, end):
            self._add(StepResult(step.name, step.about, NOT_RUN, reason))
        else:
            self._add(self._run(step, min(step.limit, end - time.monotonic())))

    def _obstacle(self, step: Step, end: float) -> str:
        """Return why a step cannot be run; empty: it can."""
        if self.stopped:
            return str(self.stopped)
        if time.monotonic() >= end:
            return "the time for all steps is over"
        verdicts = {result.name: result.verdict for result in self.results}
        if step.needs and verdicts.get(step.needs) != OK:
            return f"it needs the step {step.needs}"
        return ""

    def _run(self, step: Step, limit: float) -> StepResult:
        check = Check(self._workspace, limit)
        start, wall = time.monotonic(), time.time()
        verdict, reason = self._verdict(step, check)
        if verdict == FAILED:
            with suppress(OSError):
                check.details += _logs(self._workspace.folder, wall)
        seconds = time.monotonic() - start
        if verdict == FAILED and check.is_over() and limit < step.limit:
            reason += f"; only {limit:.0f} s of the time for all steps were left for it"
        return StepResult(
            step.name,
            step.about,
            verdict,
            reason,
            seconds,
            check.notes,
            check.details,
            check.outcomes,
        )

    def _verdict(self, step: Step, check: Check) -> tuple[str, str]:
        if step.only_on_ascend and self._workspace.options.device == "cpu":
            return SKIPPED, step.only_on_ascend
        try:
            step.run(check)
        except StepSkipped as skipped:
            return SKIPPED, str(skipped)
        except StepNotRun as obstacle:
            return NOT_RUN, str(obstacle)
        except StepFailed as failed:
            return FAILED, str(failed)
        except Stopped as stopped:
            self.stopped = stopped
            return FAILED, str(stopped)
        except Exception as error:  # what the step did not foresee, such as a file of another form
            check.details.append(("error of the check itself", traceback.format_exc()))
            return FAILED, f"{type(error).__name__}: {error}"
        return OK, ""

    def _add(self, result: StepResult) -> None:
        text = result.reason or "; ".join(result.notes)
        print(f"{result.verdict}, {result.seconds:.0f} s. {text}", flush=True)
        self.results.append(result)
        self._report(self.results)


def _logs(folder: Path, since: float) -> list[tuple[str, str]]:
    """Return the ends of logs written since a time: of ranks but the first, and CANN's errors."""
    logs = []
    for path in sorted(folder.glob("*/ranks/*.log")):
        if path.stat().st_mtime >= since:
            lines = path.read_text(errors="replace").splitlines()
            logs.append((f"end of {path.relative_to(folder)}", "\n".join(lines[-_LOG_LINES:])))
    errors = [
        line
        for path in sorted(folder.glob("ascend_log/**/*.log"))
        if path.stat().st_mtime >= since
        for line in path.read_text(errors="replace").splitlines()
        if "[ERROR]" in line
    ]
    if errors:
        logs.append(("last errors in CANN's log", "\n".join(errors[-_LOG_LINES:])))
    return logs
