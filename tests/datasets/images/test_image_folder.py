import numpy as np
import pytest

from tests.support.images import MakeImages
from trainer.datasets.images.errors import DataError
from trainer.datasets.images.image_folder import image_folder

MANY = [f"{name}/{number}.png" for name in ("cat", "dog") for number in range(10)]


@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_folders_of_parts(validation: str, make_images: MakeImages) -> None:
    root = make_images("train/a/1.png", "train/b/1.png", f"{validation}/b/2.png", "test/a/3.png")
    parts = image_folder(root)
    assert parts.train.files == ("train/a/1.png", "train/b/1.png")
    assert parts.validation and parts.test
    assert parts.validation.files == (f"{validation}/b/2.png",)
    assert parts.validation.labels.tolist() == [1]
    assert parts.test.labels.tolist() == [0]


def test_one_folder(make_images: MakeImages) -> None:
    parts = image_folder(make_images(*MANY), holdout=0.2, test_holdout=0.1)
    sizes = {name: np.bincount(part.labels).tolist() for name, part in parts.items()}
    assert sizes == {"train": [7, 7], "validation": [2, 2], "test": [1, 1]}


def test_no_validation(make_images: MakeImages) -> None:
    assert [name for name, _ in image_folder(make_images(*MANY)).items()] == ["train"]


def test_shares_of_a_folder_train(make_images: MakeImages) -> None:
    root = make_images(*(f"train/{name}" for name in MANY), "test/dog/x.png")
    parts = image_folder(root, holdout=0.2)
    sizes = {name: np.bincount(part.labels).tolist() for name, part in parts.items()}
    assert sizes == {"train": [8, 8], "validation": [2, 2], "test": [0, 1]}


def test_a_class_named_train(make_images: MakeImages) -> None:
    parts = image_folder(make_images("bus/a.png", "train/a.png", "car/a.png"))
    assert parts.train.class_names == ("bus", "car", "train")


@pytest.mark.parametrize(
    ("files", "shares", "message"),
    [
        (["val/a/1.png"], {"holdout": 0.2}, "holdout: expected null, because .*val exists"),
        (["test/a/1.png"], {"test_holdout": 0.2}, "test_holdout: expected null"),
        (["val/a/1.png", "valid/a/1.png"], {}, "expected one validation folder"),
        (["extra/1.png"], {}, "only val and test next to train.*received extra"),
        (["val/b/1.png"], {}, r"classes of the training images \(a\), received b"),
    ],
)
def test_errors(
    files: list[str], shares: dict[str, float], message: str, make_images: MakeImages
) -> None:
    root = make_images("train/a/1.png", *files)
    with pytest.raises(DataError, match=message):
        image_folder(root, **shares)
