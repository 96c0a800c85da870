"""Child: the process in which the self-test runs, which may crash. Imports no MindSpore."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from trainer.backend import instruction_set

_SELF_TEST = "trainer.backend.convolutions.self_test"
_SECONDS = 120.0  # it takes 3
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}


def self_test() -> tuple[str, bool]:
    """Run the self-test; return why it failed, empty if it did not, and whether that is final.

    What may end otherwise at the next start, such as a kill, is not final.
    """
    try:
        process = subprocess.run(
            [sys.executable, "-m", _SELF_TEST],
            cwd=Path(__file__).parents[3],  # there it finds this trainer
            env=instruction_set.environment_of_user(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            start_new_session=True,  # Ctrl-C reaches this process alone
        )
    except subprocess.TimeoutExpired:
        return f"the self-test took more than {_SECONDS:.0f} s", False
    except OSError as error:
        return f"the self-test could not be started: {error}", False
    return _result(process.returncode, process.stdout, process.stderr)


def _result(code: int, output: str, errors: str) -> tuple[str, bool]:
    if code < 0:
        number = signal.Signals(-code)
        return f"the self-test was ended by {number.name}", number in _CRASHES
    try:
        return str(json.loads(output.splitlines()[-1])["why"]), True
    except (IndexError, ValueError, KeyError, TypeError):
        last = (errors.strip().splitlines() or ["it printed nothing"])[-1]
        return f"the self-test ended with exit code {code}: {last}", False
