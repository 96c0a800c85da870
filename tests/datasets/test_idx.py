import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.datasets.idx import FILES, Source, load, read

Write = Callable[[str, NDArray[Any]], Path]
IMAGES, LABELS, HELD_IMAGES, HELD_LABELS = FILES
SOURCE = Source(places=("first", "second"), advice="Ask a friend.", mean=0.25, std=0.5)


def open_folder(folder: Path, **arguments: Any) -> tuple[ds.Dataset, ds.Dataset]:
    good = {"batch_size": 10, "num_classes": 10, "root": str(folder), "limit": None}
    pair: tuple[ds.Dataset, ds.Dataset] = load(SOURCE, **(good | arguments))
    return pair


def compress(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


def test_images_are_framed_and_scaled(idx_folder: Path) -> None:
    raw = read(idx_folder / HELD_IMAGES, dimensions=3)
    _, validation = open_folder(idx_folder, batch_size=20)
    image, label = next(validation.create_tuple_iterator(num_epochs=1, output_numpy=True))
    assert (image.shape, image.dtype) == ((20, 1, 32, 32), np.float32)
    assert (label.tolist(), label.dtype) == ([*range(10)] * 2, np.int32)
    np.testing.assert_allclose(image[:, 0, 2:-2, 2:-2], (raw / 255 - 0.25) / 0.5, atol=1e-6)
    image[:, 0, 2:-2, 2:-2] = -0.5
    assert (image == -0.5).all()


def test_sizes(idx_folder: Path) -> None:
    train, validation = open_folder(idx_folder, batch_size=8)
    assert (train.get_dataset_size(), validation.get_dataset_size()) == (3, 3)


def test_limit_takes_the_first_training_images_only(idx_folder: Path) -> None:
    train, validation = open_folder(idx_folder, batch_size=1, limit=3)
    assert (train.get_dataset_size(), validation.get_dataset_size()) == (3, 20)
    labels = [int(label) for _, label in train.create_tuple_iterator(num_epochs=1)]
    assert sorted(labels) == [0, 1, 2]


def test_a_limit_above_the_number_of_images_takes_all(idx_folder: Path) -> None:
    assert open_folder(idx_folder, batch_size=1, limit=1000)[0].get_dataset_size() == 30


def test_packed_files_give_the_same(idx_folder: Path) -> None:
    plain = [read(idx_folder / IMAGES, 3), read(idx_folder / LABELS, 1)]
    packed = [read(compress(idx_folder / IMAGES), 3), read(compress(idx_folder / LABELS), 1)]
    for one, other in zip(plain, packed, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    assert open_folder(idx_folder)[0].get_dataset_size() == 3


def test_places_are_tried_in_order(idx_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(idx_folder)
    second = idx_folder / "second"
    second.mkdir()
    for name in FILES:
        (idx_folder / name).rename(second / name)
    train, _ = load(SOURCE, 10, 10, root=None, limit=None)
    assert train.get_dataset_size() == 3


def test_missing_files_are_named_with_place_and_advice(
    idx_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(idx_folder)
    (idx_folder / "second").mkdir()
    (idx_folder / IMAGES).rename(idx_folder / "second" / IMAGES)
    with pytest.raises(FileNotFoundError) as error:
        load(SOURCE, 10, 10, root=None, limit=None)
    assert str(error.value).splitlines() == [
        "missing files, with or without .gz:",
        f"  in {idx_folder}/first: {', '.join(FILES)}",
        f"  in {idx_folder}/second: {LABELS}, {HELD_IMAGES}, {HELD_LABELS}",
        "Ask a friend.",
    ]


def test_missing_file_in_the_named_folder(idx_folder: Path) -> None:
    (idx_folder / HELD_LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(f"  in {idx_folder}: {HELD_LABELS}\n")):
        open_folder(idx_folder)


@pytest.mark.parametrize(
    ("content", "expected", "received"),
    [
        (b"", "the magic number 00000803", "nothing"),
        (b"\x1f\x8b\x08\x00rest", "the magic number 00000803", "1f8b0800"),
        (b"\0\0\x08\x01\0\0\0\x01\x05", "the magic number 00000803", "00000801"),
        (b"\0\0\x08\x03\0\0\0\x01", "a header of 16 bytes", "8 bytes"),
        (
            b"\0\0\x08\x03\0\0\0\x02\0\0\0\x03\0\0\0\x01" + b"x" * 5,
            "22 bytes for the shape [2, 3, 1]",
            "21 bytes",
        ),
        (
            b"\0\0\x08\x03\0\0\0\x01\0\0\0\x01\0\0\0\x01" + b"x" * 2,
            "17 bytes for the shape [1, 1, 1]",
            "18 bytes",
        ),
    ],
    ids=["empty", "packed", "labels", "header", "truncated", "too long"],
)
def test_damaged_file(idx_folder: Path, content: bytes, expected: str, received: str) -> None:
    path = idx_folder / IMAGES
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        open_folder(idx_folder)
    assert str(error.value) == f"{path}: expected {expected}, received {received}"


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-20], lambda _: b"no gzip", lambda content: content[:12] + b"\xff"],
    ids=["truncated", "plain", "corrupt"],
)
def test_damaged_gzip_file(idx_folder: Path, damage: Callable[[bytes], bytes]) -> None:
    path = compress(idx_folder / IMAGES)
    path.write_bytes(damage(path.read_bytes()))
    message = f"^{re.escape(str(path))}: expected a complete gzip file, received a damaged one"
    with pytest.raises(ValueError, match=message):
        open_folder(idx_folder)


@pytest.mark.parametrize(
    ("name", "values", "expected", "received"),
    [
        (LABELS, np.zeros(29), "30 labels, one per image", "29"),
        (HELD_LABELS, np.zeros(21), "20 labels, one per image", "21"),
        (LABELS, np.full(30, 11), "labels 0 to 9", "11"),
        (IMAGES, np.zeros((30, 28, 27)), "images of 28x28", "28x27"),
    ],
    ids=["too few labels", "too many labels", "label out of range", "size"],
)
def test_files_that_do_not_belong_together(
    idx_folder: Path,
    write_idx: Write,
    name: str,
    values: NDArray[Any],
    expected: str,
    received: str,
) -> None:
    path = write_idx(name, values)
    with pytest.raises(ValueError) as error:
        open_folder(idx_folder)
    assert str(error.value) == f"{path}: expected {expected}, received {received}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 5}, "num_classes: expected 10, received 5"),
        ({"limit": 0}, "limit: expected at least 1 or null, received 0"),
        (
            {"limit": 4, "batch_size": 5},
            "batch_size: expected at most 4, the number of training images, received 5",
        ),
    ],
)
def test_arguments_out_of_range(idx_folder: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        open_folder(idx_folder, **arguments)
