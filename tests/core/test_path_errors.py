import errno
import os
from pathlib import Path

import pytest

from trainer.core.path_errors import path_problem


def reported(number: int, path: str, *argv: str) -> str | None:
    return path_problem(OSError(number, os.strerror(number), path), argv)


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("out=a/b", "/home/me/a/b/plan.json"),
        ("out=a/b", "a/b"),
        ("out=./a/b/", "a/b/x"),
        ("out='a=1/b'", "a=1/b/x"),
        ("out=~/a", "/home/me/a"),
        ("+out=a@3", "a/snapshots"),
        ("out=file/b/c", "file"),
    ],
)
def test_the_key_of_the_path_is_named(word: str, path: str) -> None:
    problem = reported(errno.ELOOP, path, "epochs=3", word)
    assert problem
    assert problem.startswith("out: expected a path that can be used, received ")
    assert problem.endswith("; its symbolic links lead in a circle")


def test_a_path_without_a_key_is_named() -> None:
    problem = reported(errno.ENAMETOOLONG, f"{'a' * 300}/plan.json", "a" * 300)
    assert problem
    assert problem.startswith("path: expected")
    assert len(problem) < 300


@pytest.mark.parametrize(
    ("number", "path", "word"),
    [
        (errno.ENOTDIR, "/elsewhere/b", "out=a/b"),
        (errno.EBADF, "a/b", "out=a/b"),
        (errno.ENOTDIR, "", "out="),
    ],
)
def test_another_error_is_none_of_the_command_line(number: int, path: str, word: str) -> None:
    assert reported(number, path, word) is None


@pytest.mark.parametrize(
    ("word", "name"), [("out=~nobody-has-this/x", "out"), ("~nobody@3", "path")]
)
def test_a_home_that_nobody_has_is_named(word: str, name: str) -> None:
    with pytest.raises(RuntimeError) as error:
        Path(word.removeprefix("out=")).expanduser()
    problem = path_problem(error.value, ["run", "epochs=3", word])
    assert problem
    assert problem.startswith(f"{name}: expected a path that can be used, received '~nobody")
    assert path_problem(error.value, ["run", "epochs=3"]) is None
