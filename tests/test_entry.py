import errno
import os

import pytest

from trainer import entry


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_what_a_disk_refuses_to_others_code_has_no_traceback(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, entry.exits():
        raise OSError(number, os.strerror(number), "multirun.yaml")
    assert ended.value.code == 74
    assert capsys.readouterr().err == f"expected to write multirun.yaml: {os.strerror(number)}\n"


def test_another_error_of_the_system_keeps_its_traceback() -> None:
    with pytest.raises(ConnectionRefusedError), entry.exits():
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
