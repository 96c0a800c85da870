"""The preview of data: what training gets of each image, how many there are; nothing is trained."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import Command
from trainer.cli import preview_sheet, preview_tables
from trainer.config import overrides, schema
from trainer.core.picture_grid import Picture, as_pixels
from trainer.data.build_sources import build_sources, build_transform
from trainer.data.loader_source import LoaderSource

DATA = ("dataset=image_folder", "dataset.holdout=0.2", "transform=light")
SMALL = "transform.image_resize=24"


def test_it_draws_and_counts_and_leaves_nothing_else(command: Command, photos: Path) -> None:
    ended = command.preview(*DATA, SMALL, f"dataset.root={photos}", "samples=3", "views=2")
    assert ended.code == 0, ended.err
    assert command.left() == ["preview"]
    assert [path.name for path in (command.folder / "preview").iterdir()] == ["preview.png"]
    lines = [line.split() for line in ended.out.splitlines()]
    assert lines[:2] == [["class", "train", "validation"], ["flower", "24", "6"]]
    assert ["in", "all", "48", "12"] in lines
    assert "sizes of the images: width 4" in ended.out


def sheet(photos: Path, *lines: str) -> tuple[LoaderSource, list[list[Picture]]]:
    """The training data of a configuration, and the sheet of four samples in two views."""
    config, problems = overrides.check([*DATA, SMALL, f"dataset.root={photos}", *lines])
    settings, wrong = schema.read(config, problems)
    assert not [*problems, *wrong]
    train = build_sources(settings).train
    assert isinstance(train, LoaderSource)
    return train, preview_sheet.rows(train, build_transform(settings), 4, 2)


@pytest.mark.usefixtures("command")
def test_a_view_is_what_its_epoch_trains_on(photos: Path) -> None:
    train, rows = sheet(photos, "batch_size=48", "transform.color_jitter=0.4")
    transform = train.reader.transform
    assert transform is not None
    for epoch in (1, 2):
        ((images, _),) = train.columns(epoch)
        trained = [as_pixels(image, transform).tobytes() for image in images]
        for row in rows:
            assert row[epoch].title == f"epoch {epoch}"
            assert np.asarray(row[epoch].pixels).tobytes() in trained
    assert len({np.asarray(picture.pixels).tobytes() for row in rows for picture in row}) == 4 * 3


@pytest.mark.usefixtures("command")
def test_a_class_with_a_line_break_has_one_row(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "named")
    (tmp_path / "named/flower").rename(tmp_path / "named/flo\nwer")
    config, _ = overrides.check([*DATA, SMALL, f"dataset.root={tmp_path / 'named'}"])
    text = preview_tables.class_table(build_sources(schema.read(config)[0]))
    assert [line.split()[0] for line in text.splitlines()] == ["class", r"flo\nwer", "temple", "in"]


@pytest.mark.usefixtures("command")
def test_classes_take_turns_and_mixed_images_have_their_shares(photos: Path) -> None:
    train, rows = sheet(photos, "transform.mixup=0.4", "batch_size=8")
    names = [row[0].title.split(",")[0] for row in rows[:4]]
    assert names == ["flower", "temple", "flower", "temple"]
    ((_, shares), *_) = train.columns(1)
    assert [picture.title for picture in rows[4]] == [
        "\n".join(f"{share[at]:.0%} {train.class_names[at]}" for at in np.argsort(share)[::-1])
        if share.min() > 0
        else f"100% {train.class_names[int(share.argmax())]}"
        for share in shares[:3]
    ]


def test_a_pipeline_of_mindspore_shows_a_batch(command: Command) -> None:
    ended = command.preview("samples=5", "out=sheet")
    assert ended.code == 0, ended.err
    assert "in all  22 batches" in ended.out
    assert (command.folder / "sheet" / "preview.png").stat().st_size > 1000


def test_all_problems_come_in_one_message(command: Command, photos: Path) -> None:
    ended = command.preview(*DATA, f"dataset.root={photos}", "samples=0", "views=many", "epochs=x")
    assert ended.code == 2
    assert ended.err.startswith("3 configuration errors:")
    assert command.left() == []


def test_a_corrupt_image_is_named(command: Command, photos: Path, tmp_path: Path) -> None:
    for name in ("flower", "temple"):
        (tmp_path / name).mkdir()
        content = (photos / name / "1.jpg").read_bytes()
        (tmp_path / name / "1.jpg").write_bytes(content)
    (tmp_path / "temple" / "1.jpg").write_bytes(content[: len(content) // 2])
    words = (DATA[0], DATA[2], f"dataset.root={tmp_path}", "batch_size=2")
    ended = command.preview(*words)
    assert ended.code == 2
    assert "temple/1.jpg" in ended.err
