"""Writes the report after every step, so that it is there whatever happens to the check."""

import platform
import subprocess
import time
from collections.abc import Sequence

from scripts.ascend_check_steps import report
from scripts.ascend_check_steps.check import ROOT, Workspace
from scripts.ascend_check_steps.result import StepResult


class ReportFile:
    """The report's file; if it cannot be written, the report is printed at the end.

    Args:
        workspace: what the steps share.
        step_count: the number of all steps.
    """

    def __init__(self, workspace: Workspace, step_count: int) -> None:
        self._workspace = workspace
        self._step_count = step_count
        self._start = time.monotonic()
        self._date = time.strftime("%Y-%m-%d %H:%M:%S %z")
        self._commit = _commit()
        self._error: OSError | None = None

    def write(self, results: Sequence[StepResult]) -> None:
        """Write what is known so far."""
        content = self._content(results)
        try:
            report.write(self._workspace.options.out, content)
            self._error = None
        except OSError as error:
            if self._error is None:
                print(f"the report cannot be written ({error}); it will be printed at the end")
            self._error = error

    def finish(self, results: Sequence[StepResult]) -> None:
        """Write the report a last time, and say where it is and what it says."""
        self.write(results)
        content = self._content(results)
        title = content.partition("\n")[0].removeprefix("# ")
        if self._error is not None:
            print(f"\n{content}")
        else:
            title += f"; report: {self._workspace.options.out}"
        print(title, flush=True)

    def _content(self, results: Sequence[StepResult]) -> str:
        name = f"Ascend check, device={self._workspace.options.device}"
        return report.text(name, self._head(), results, self._step_count - len(results))

    def _head(self) -> dict[str, str]:
        options = self._workspace.options
        where = f"device_id={options.device_id}" if options.device == "ascend" else ""
        trial = "" if options.device == "ascend" else "(a trial of the script itself, no Ascend)"
        return {
            "asked for": " ".join(filter(None, [f"device={options.device}", where, trial])),
            **self._workspace.facts,
            "interpreter": self._workspace.python
            or f"none yet (runner: {platform.python_version()})",
            "trainer": self._commit,
            "started": self._date,
            "took": f"{time.monotonic() - self._start:.0f} s, at most {options.minutes:g} minutes",
        }


def _commit() -> str:
    """Return the commit of this checkout, and whether files differ from it."""
    try:
        head = _git("log", "-1", "--format=%h of %cs")
        changed = len(_git("status", "--porcelain", "--untracked-files=no").splitlines())
    except (OSError, subprocess.SubprocessError):
        return "commit unknown (no Git checkout)"
    return f"commit {head}" + (f", {changed} files changed" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()
