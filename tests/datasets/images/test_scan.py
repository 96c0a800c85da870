from pathlib import Path

import pytest

from tests.support.images import MakeImages
from trainer.datasets.images.errors import DataError
from trainer.datasets.images.scan import scan_classes


def test_classes_in_natural_order(make_images: MakeImages) -> None:
    root = make_images("10/a.png", "2/a.png", "2/b.png", "1/a.png")
    images = scan_classes(root)
    assert images.class_names == ("1", "2", "10")
    assert images.files == ("1/a.png", "2/a.png", "2/b.png", "10/a.png")
    assert images.labels.tolist() == [0, 1, 1, 2]
    assert images.ignored == {}


def test_nested_folders_and_upper_case_endings(make_images: MakeImages) -> None:
    root = make_images("cat/A.JPG", "cat/more/deep/b.JPEG", "dog/c.TIF")
    images = scan_classes(root)
    assert images.files == ("cat/A.JPG", "cat/more/deep/b.JPEG", "dog/c.TIF")
    assert images.class_names == ("cat", "dog")


def test_what_is_no_image_is_counted(make_images: MakeImages) -> None:
    root = make_images("cat/a.png", "dog/a.png", ".ipynb_checkpoints/a.png", "cat/._a.png", "b.png")
    make_images("__MACOSX/cat/a.png", "cat/.cache/x.png")
    for name in ("cat/Thumbs.db", "dog/notes.txt", "labels.TXT", "cat/LICENSE"):
        (root / name).write_text("no image")
    (root / "dog/gone.jpg").symlink_to(root / "nowhere.jpg")
    images = scan_classes(root)
    assert images.files == ("cat/a.png", "dog/a.png")
    assert images.ignored == {
        "hidden": 4,
        ".db": 1,
        ".txt": 2,
        "no ending": 1,
        "image outside a class folder": 1,
        "broken link": 1,
    }


def test_links_are_followed_but_not_in_circles(make_images: MakeImages, tmp_path: Path) -> None:
    root = make_images("data/cat/a.png", "elsewhere/b.png") / "data"
    (root / "cat/linked").symlink_to(tmp_path / "elsewhere")
    (root / "cat/loop").symlink_to(root / "cat")
    for name in ("cat/self", "cat/self.png", "self"):  # the system refuses to follow these at all
        (root / name).symlink_to(root / name)
    images = scan_classes(root)
    assert images.files == ("cat/a.png", "cat/linked/b.png")
    assert images.ignored == {"no ending": 2, "broken link": 1}


def test_empty_class(make_images: MakeImages) -> None:
    root = make_images("cat/a.png")
    (root / "dog/deeper").mkdir(parents=True)
    (root / "dog/readme.md").write_text("soon")
    with pytest.raises(DataError, match="dog: expected at least one image"):
        scan_classes(root)


@pytest.mark.parametrize("name", ["nowhere", "file", "flat"])
def test_no_class_folders(name: str, make_images: MakeImages) -> None:
    root = make_images("flat/a.png")
    (root / "file").write_text("")
    with pytest.raises(DataError, match=f"{name}: expected"):
        scan_classes(root / name)


def test_given_classes(make_images: MakeImages) -> None:
    root = make_images("val/b/1.png", "val/c/1.png")
    images = scan_classes(root, "val", ("a", "b", "c"))
    assert images.labels.tolist() == [1, 2]
    assert images.files == ("val/b/1.png", "val/c/1.png")
    with pytest.raises(DataError, match=r"training images \(a, b\), received c"):
        scan_classes(root, "val", ("a", "b"))
