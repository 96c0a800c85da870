import json
import os
import shutil
from pathlib import Path

import pytest

from trainer.core import atomic_files
from trainer.core.errors import CannotWrite


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.txt"
    with atomic_files.atomic_write(path) as partial:
        partial.write_text("new")
        assert not path.exists()
        assert partial.parent == path.parent
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_files.atomic_write(path) as partial:
        partial.write_text("ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file/a.txt"
    with pytest.raises(CannotWrite, match=f"expected to write {path}: "):
        atomic_files.write_text(path, "text")


def test_text_replaces_what_was_there(tmp_path: Path) -> None:
    for text in ("long before", "after"):
        atomic_files.write_text(tmp_path / "a.txt", text)
    assert (tmp_path / "a.txt").read_text() == "after"


def test_json_is_indented_with_keys_in_the_order_given(tmp_path: Path) -> None:
    data = {"b": [1, None], "a": {"c": "ü"}}
    atomic_files.write_json(tmp_path / "a.json", data)
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == data
    assert text.startswith('{\n  "b"')
    assert text.endswith("}\n")


def test_of_two_that_write_a_folder_at_once_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = shutil.rmtree

    def overtaken(path: Path, ignore_errors: bool) -> None:
        remove(path, ignore_errors=ignore_errors)
        if path == tmp_path / "entry":
            path.mkdir()
            (path / "file").write_text("of the other")

    monkeypatch.setattr(shutil, "rmtree", overtaken)
    with atomic_files.atomic_write_folder(tmp_path / "entry") as partial:
        (partial / "file").write_text("own")
    assert (tmp_path / "entry/file").read_text() == "of the other"
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def test_a_folder_that_cannot_be_replaced_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "entry").mkdir()
    (tmp_path / "entry/file").write_text("old")
    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors: None)
    with (
        pytest.raises(CannotWrite),
        atomic_files.atomic_write_folder(tmp_path / "entry") as partial,
    ):
        (partial / "file").write_text("new")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """What is made durable and what takes its place, in order."""
    noted: list[tuple[str, Path]] = []
    fsync, replace, unlink = os.fsync, Path.replace, Path.unlink

    def note_fsync(descriptor: int) -> None:
        noted.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def note_replace(path: Path, target: Path) -> Path:
        noted.append(("replace", target))
        return replace(path, target)

    def note_unlink(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        noted.append(("unlink", path))

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    monkeypatch.setattr(Path, "unlink", note_unlink)
    return noted


def test_a_file_is_on_the_disk_before_it_takes_its_place_and_its_name_after(
    tmp_path: Path, calls: list[tuple[str, Path]]
) -> None:
    path = tmp_path / "a.txt"
    with atomic_files.atomic_write(path) as partial:
        partial.write_text("new")
        written = partial.stat().st_ino
    assert calls == [("fsync", partial), ("replace", path), ("fsync", tmp_path)]
    assert path.stat().st_ino == written, "it was renamed: the name never stood for half a file"


def test_so_is_a_folder(tmp_path: Path, calls: list[tuple[str, Path]]) -> None:
    path = tmp_path / "entry"
    with atomic_files.atomic_write_folder(path) as partial:
        (partial / "file").write_text("new")
        written = partial.stat().st_ino
    assert calls == [("fsync", partial), ("replace", path), ("fsync", tmp_path)]
    assert path.stat().st_ino == written


def test_what_is_removed_is_gone_from_its_folders_for_good(
    tmp_path: Path, calls: list[tuple[str, Path]]
) -> None:
    paths = [tmp_path / name for name in ("one/a", "one/b", "other/a")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    atomic_files.remove(paths)
    assert calls[:3] == [("unlink", path) for path in paths]
    assert sorted(calls[3:]) == [("fsync", tmp_path / "one"), ("fsync", tmp_path / "other")]
    assert not any(path.exists() for path in paths)


def test_a_folder_that_was_removed_is_not_created_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with atomic_files.folder_in_use(run):
        atomic_files.write_text(run / "a.txt", "text")
        shutil.rmtree(run)
        with pytest.raises(CannotWrite, match=f"the folder {run} was removed"):
            atomic_files.write_text(run / "a.txt", "text")
        with (
            pytest.raises(CannotWrite, match="was removed"),
            atomic_files.atomic_write_folder(run / "deep/er"),
        ):
            pass
        assert not run.exists()
        run.mkdir()
        with pytest.raises(CannotWrite, match="was removed"):
            atomic_files.write_text(run / "a.txt", "of another run")
    atomic_files.write_text(run / "a.txt", "text")
