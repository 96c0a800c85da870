import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.cli import entry_point
from trainer.core.errors import RestartRequired
from trainer.launch.jobs import job_environment


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_what_a_disk_refuses_to_others_code_has_no_traceback(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, entry_point.exit_codes():
        raise OSError(number, os.strerror(number), "multirun.yaml")
    assert ended.value.code == 74
    assert capsys.readouterr().err == f"expected to write multirun.yaml: {os.strerror(number)}\n"


def test_another_error_of_the_system_keeps_its_traceback() -> None:
    with pytest.raises(ConnectionRefusedError), entry_point.exit_codes():
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 122. MiB for an array"),
        RuntimeError("Allocate memory failed\n---\n- C++ Call Stack"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_a_lack_of_memory_is_one_message(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, entry_point.exit_codes():
        raise error
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("expected enough memory, received none: ")
    assert "batch_size" in line
    assert "features.memory_mb" in line
    assert "Stack" not in line


def test_another_error_of_mindspore_keeps_its_traceback() -> None:
    with pytest.raises(RuntimeError, match="shapes"), entry_point.exit_codes():
        raise RuntimeError("the shapes differ")


class Replaced(Exception):
    """Stands for the end of a process that another program has replaced."""


def test_a_command_that_has_to_restart_keeps_words_and_variables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    received: list[object] = []

    def replace(*arguments: object) -> None:
        received.extend(arguments)
        raise Replaced

    monkeypatch.setattr(os, "execve", replace)
    monkeypatch.setattr(os, "environ", {"ONEDNN_MAX_CPU_ISA": "SSE41", "OTHER": "1"})
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "trainer", "seed=1"])
    with pytest.raises(Replaced), entry_point.exit_codes():
        raise RestartRequired("a slot is missing", {"NEW": "2"})
    variables = {"ONEDNN_MAX_CPU_ISA": "SSE41", "OTHER": "1", "NEW": "2"}
    assert received == [sys.executable, ["python", "-m", "trainer", "seed=1"], variables]
    assert capsys.readouterr().err == "a slot is missing; the command starts again\n"


def test_it_does_not_restart_after_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it has restarted"))
    with pytest.raises(SystemExit) as ended, entry_point.exit_codes() as stop:
        stop.receive(15, None)
        raise RestartRequired("a slot is missing", {})
    assert ended.value.code == 130


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--help"], 0), (["epochs=0"], 2), (["foo=1", "seed=x"], 2), (["features.dtype=int8"], 2)],
)
def test_help_and_mistakes_of_settings_do_not_wait_for_mindspore(
    words: list[str], code: int, tmp_path: Path
) -> None:
    program = (
        "import sys\nfrom trainer.cli import train\n"
        "try:\n    train.main()\nfinally:\n    print('mindspore' in sys.modules)"
    )
    command = [sys.executable, "-c", program, *words]
    ended = subprocess.run(
        command, cwd=tmp_path, env=job_environment(), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (code, "False"), ended.stderr


@pytest.mark.parametrize("closed", [">&- 2>&-", "<&- >&- 2>&-", "2>&-"])
def test_a_stream_that_is_closed_is_opened_on_the_null_device(closed: str, tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom tqdm import tqdm\nfrom trainer.cli import entry_point\n"
        "with entry_point.exit_codes():\n"
        "    file = open('weights', 'w')\n"
        "    assert file.fileno() > 2\n"
        "    list(tqdm(range(3), disable=None))\n"
        "    os.write(2, b'a warning')\n"
        "    print('a line')"
    )
    shell = ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, program]
    assert subprocess.run(shell, cwd=tmp_path, env=job_environment(), check=False).returncode == 0
    assert (tmp_path / "weights").read_text() == ""
