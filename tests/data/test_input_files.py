"""Input files: what files, folders and patterns of a command line stand for."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from trainer.core.errors import ConfigError
from trainer.data import input_files


def images(folder: Path) -> tuple[Sequence[Path], Mapping[str, int]]:
    """Stands for a transform that knows one ending."""
    files = sorted(folder.rglob("*.jpg"))
    return files, {".txt": len(list(folder.rglob("*.txt")))}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a/2.jpg", "a/10.jpg", "a/n.txt", "b/c/x.jpg", "b/[1].jpg", "key=1.jpg"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["a/10.jpg", "a/n.txt", "a/10.jpg"], ["a/10.jpg", "a/n.txt"]),
        (["a/*.jpg"], ["a/2.jpg", "a/10.jpg"]),
        (["**/*.jpg"], ["a/2.jpg", "a/10.jpg", "b/[1].jpg", "b/c/x.jpg", "key=1.jpg"]),
        (["b/[1].jpg"], ["b/[1].jpg"]),
        (["b/*"], ["b/[1].jpg", "b/c/x.jpg"]),
    ],
)
def test_files_come_in_the_order_of_the_names(
    folder: Path, names: list[str], files: list[str]
) -> None:
    assert [str(path) for path in input_files.find(names, images).files] == files


def test_a_file_may_have_a_name_like_a_home(folder: Path) -> None:
    Path("~nobody-has-this.jpg").touch()
    assert input_files.find(["~*"], images).files == (Path("~nobody-has-this.jpg"),)
    assert input_files.find(["~nobody-has-this.jpg"], images).files


def test_what_a_folder_has_besides_is_counted(folder: Path) -> None:
    assert input_files.find(["a", "b"], images).ignored == {".txt": 1}


def test_all_that_stands_for_nothing_is_named(folder: Path) -> None:
    (folder / "empty").mkdir()
    os.mkfifo(folder / "pipe")
    with pytest.raises(ConfigError) as error:
        input_files.find(["a/2.jgp", "empty", "pipe", "no/where/x.jpg", "b"], images)
    near, empty, pipe, nowhere = error.value.problems
    assert "received 'a/2.jgp' (nearest: 2.jpg" in near
    assert "received empty, with 0 .txt" in empty
    assert "received pipe, which is neither" in pipe
    assert "received 'no/where/x.jpg'" in nowhere


def test_a_transform_need_not_know_what_to_look_for(folder: Path) -> None:
    assert len(input_files.find(["a/2.jpg"], None).files) == 1
    with pytest.raises(ConfigError, match="the transform has no find_files"):
        input_files.find(["a"], None)
