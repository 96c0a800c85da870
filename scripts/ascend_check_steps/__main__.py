"""`scripts/ascend_check`: runs the steps in a temporary folder, and writes the report."""

import math
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import NoReturn

from scripts.ascend_check_steps import options as command_line
from scripts.ascend_check_steps.check import Workspace
from scripts.ascend_check_steps.report_file import ReportFile
from scripts.ascend_check_steps.runner import Runner, Stopped
from scripts.ascend_check_steps.steps import INSTALL, STEPS

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run the check that the command line describes; exit with its code."""
    options = command_line.parse(sys.argv[1:])
    try:
        folder = Path(tempfile.mkdtemp(prefix="ascend_check_"))
    except OSError as error:
        sys.exit(
            f"scripts/ascend_check: expected a folder for temporary files: {error}; set TMPDIR"
        )
    try:
        for number in _SIGNALS:
            signal.signal(number, _stop)
        code = _check(Workspace(options, folder))
    except Stopped as stopped:  # before the first step, or after the last one
        code = stopped.exit_code
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(code)


def _check(workspace: Workspace) -> int:
    """Run all steps; return the exit code."""
    file = ReportFile(workspace, 1 + len(STEPS))
    file.write([])
    runner = Runner(workspace, file.write)
    runner.run([INSTALL], math.inf)
    runner.run(STEPS, 60 * workspace.options.minutes)
    file.finish(runner.results)
    if runner.stopped:
        return runner.stopped.exit_code
    return 0 if all(result.is_good for result in runner.results) else 1


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """Stop once; what follows, such as the report, is not interrupted."""
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)


if __name__ == "__main__":
    main()
