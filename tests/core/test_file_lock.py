import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import CHECKOUT
from trainer.core import file_lock
from trainer.core.errors import CannotWrite, ConfigError

_TAKE = """
import pathlib, sys, time
from trainer.core import file_lock
with file_lock.lock_run(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""

_CLAIM = """
import pathlib, sys, time
from trainer.core import file_lock
from trainer.core.errors import ConfigError
print("ready", flush=True)
sys.stdin.readline()
for name in sys.argv[1:]:
    try:
        with file_lock.claim_run(pathlib.Path(name)):
            (pathlib.Path(name) / ".hydra/config.yaml").touch()
            print(name, flush=True)
    except ConfigError:
        pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".hydra").mkdir()
    return tmp_path


def test_another_process_is_kept_out_until_it_is_killed(folder: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", _TAKE, str(folder)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(ConfigError, match="another process is at work"),
            file_lock.lock_run(folder),
        ):
            pass
        other.kill()
    with file_lock.lock_run(folder):
        assert file_lock.is_held(folder)
    assert not file_lock.is_held(folder)


def test_the_same_process_may_take_it_again(folder: Path) -> None:
    with file_lock.lock_run(folder), file_lock.lock_run(folder):
        assert file_lock.is_held(folder)


def test_what_holds_no_run_is_not_locked(tmp_path: Path) -> None:
    with file_lock.lock_run(None), file_lock.lock_run(tmp_path):
        assert not file_lock.is_held(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_written_is_told(folder: Path) -> None:
    (folder / ".hydra/lock").mkdir()  # no permission keeps a superuser out
    with (
        pytest.raises(CannotWrite, match="expected to write .*lock: Is a "),
        file_lock.lock_run(folder),
    ):
        pass


def test_of_several_that_claim_a_folder_at_once_one_gets_it(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(20)]
    for folder in folders:
        folder.mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _CLAIM, *map(str, folders)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    claimed = [name for process in processes for name in process.communicate()[0].split()]
    assert sorted(claimed) == sorted(map(str, folders))


def test_a_folder_that_this_process_holds_may_be_claimed_again(folder: Path) -> None:
    (folder / ".hydra/config.yaml").touch()
    with pytest.raises(ConfigError, match="another run has begun"), file_lock.claim_run(folder):
        pass
    with file_lock.lock_run(folder), file_lock.claim_run(folder):
        assert file_lock.is_held(folder)
