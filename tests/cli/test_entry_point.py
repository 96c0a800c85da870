import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.cli import entry_point
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
