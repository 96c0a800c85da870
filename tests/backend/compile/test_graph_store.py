"""Entries of a folder of graphs: whole, sound, and no more of them than are wanted."""

import os
from pathlib import Path

import pytest

from trainer.backend.compile.graph_store import Damaged, GraphStore
from trainer.core.errors import CannotWrite

DEPENDS = {"graph": "step"}


@pytest.fixture
def store(tmp_path: Path) -> GraphStore:
    """An empty store with room enough."""
    return GraphStore(tmp_path / "graphs", 1e6)


def test_a_graph_comes_back_as_it_was(store: GraphStore) -> None:
    assert store.read("one") is None
    store.write("one", b"a graph", DEPENDS)
    store.write("one", b"a graph", DEPENDS)  # by another process, say
    assert store.read("one") == b"a graph"
    assert store.read("other") is None


@pytest.mark.parametrize("name", ["graph.mindir", "graph.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"\xff\xfe\xff", b"a grapH"])
def test_a_damaged_entry_is_removed(store: GraphStore, name: str, content: bytes | None) -> None:
    store.write("one", b"a graph", DEPENDS)
    path = store.folder / "one" / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(Damaged, match="one is not what was written"):
        store.read("one")
    assert store.read("one") is None
    store.write("one", b"a graph", DEPENDS)
    assert store.read("one") == b"a graph"


def test_what_was_used_longest_ago_goes_first(store: GraphStore) -> None:
    a, b, c, d = (letter * 64 for letter in "abcd")
    for age, key in enumerate([c, b, a]):
        store.write(key, b"x" * 300_000, DEPENDS)
        os.utime(store.folder / key, (1e9 - age, 1e9 - age))
    store.read(a)  # the oldest, used now
    store.write(d, b"x" * 300_000, DEPENDS)
    assert {path.name for path in store.folder.iterdir()} == {a, c, d}


def test_what_a_killed_writer_left_goes_when_it_is_a_day_old(store: GraphStore) -> None:
    old, new = (store.folder / f".{letter * 64}.1" for letter in "ab")
    old.mkdir(parents=True)
    new.mkdir()
    os.utime(old, (1e9, 1e9))
    store.write("one", b"a graph", DEPENDS)
    assert {path.name for path in store.folder.iterdir()} == {"one", new.name}


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = GraphStore(tmp_path / "file", 1e6)
    with pytest.raises(OSError, match="Not a directory"):
        store.read("one")
    with pytest.raises(CannotWrite, match="expected to write"):
        store.write("one", b"a graph", DEPENDS)
