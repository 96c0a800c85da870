"""The screen and the log where they cannot be written."""

import subprocess
import sys
from pathlib import Path

from tests.support.command import CHECKOUT

_LOG = """
import logging
from trainer.cli import entry_point
with entry_point.exit_codes():
    for number in range(10_000):
        logging.getLogger("trainer").info("line %d", number)
"""


def test_a_full_stdout_is_reported_once_and_the_command_continues() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", _LOG], cwd=CHECKOUT, stdout=full, stderr=subprocess.PIPE
        )
    assert ended.returncode == 0
    (line,) = ended.stderr.decode().splitlines()
    assert line.startswith("warning: stdout cannot be written (No space left on device)")


def test_a_reader_that_has_ended_is_not_reported() -> None:
    command = [sys.executable, "-c", _LOG]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_an_error_in_the_message_keeps_its_traceback() -> None:
    code = _LOG.replace('"line %d", number', '"line %d", "one"').replace("10_000", "1")
    ended = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True)
    assert b"Traceback" in ended.stderr
