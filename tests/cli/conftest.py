"""A run on photographs, for the tests of commands that use its model on others."""

import shutil
from pathlib import Path

import pytest

from tests.support.command import Command, trained
from tests.support.photos import LINES, MODULE


@pytest.fixture(scope="session")
def photo_run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step on photographs, which are not where it has recorded them."""
    folder = tmp_path_factory.mktemp("photo_run")
    (folder / "photo_model.py").write_text(MODULE)
    shutil.copytree(photos, folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        lines = *LINES, "dataset.root=data", "transform=light", "epochs=1", "max_steps=1"
        trained(folder, *lines)
    shutil.rmtree(folder / "data")
    return folder / "run"


@pytest.fixture
def photo_copy(photo_run: Path, command: Command) -> str:
    """Name of a copy of that run, in the folder of the commands."""
    command.add_module("photo_model", MODULE)
    shutil.copytree(photo_run, command.folder / "a run")
    return "a run"


@pytest.fixture
def new(command: Command, photos: Path) -> Path:
    """New photographs, with all that lies about in a folder."""
    folder = command.folder / "new"
    (folder / "more").mkdir(parents=True)
    names = "1.jpg", "2.jpg", "10.jpg", "more/=HYPERLINK(1,2).jpg", 'more/a "b"\n.jpg'
    for name, photo in zip(names, sorted(photos.rglob("*.jpg")), strict=False):
        shutil.copy(photo, folder / name)
    (folder / "more/last.jpg").write_bytes((folder / "1.jpg").read_bytes()[:-300])
    for name in ("Thumbs.db", ".hidden.jpg", "notes.txt"):
        (folder / name).touch()
    return folder
