"""What a data set consisted of: a row per image, with the SHA-256 of its content."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import DataError, ImageError
from .image_list import ImageList, Splits

FORMAT = 1
"""Version of the file, in its first line."""

Label = str | float | list[str] | list[float]


@dataclass(frozen=True)
class ManifestRow:
    """One image. The fields are the keys of a line of the file.

    Attributes:
        split: `train`, `validation` or `test`.
        file: path relative to the data set's root.
        label: name of the class, names of several, or numbers.
        size: bytes of the file.
        sha256: of its content, in hexadecimal.
    """

    split: str
    file: str
    label: Label
    size: int
    sha256: str


def make_manifest(splits: Splits, workers: int = 2) -> list[ManifestRow]:
    """Return a row per image, in the order of the lists; reads every file.

    Raises:
        ImageError: a file cannot be read.
    """
    tasks = [(name, part, at) for name, part in splits.items() for at in range(len(part))]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda task: _row(*task), tasks, chunksize=1))


def _row(split: str, images: ImageList, index: int) -> ManifestRow:
    path = images.path(index)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(path, f"expected a file, received: {error.strerror}") from None
    digest = hashlib.sha256(content).hexdigest()
    return ManifestRow(split, images.files[index], _label(images, index), len(content), digest)


def _label(images: ImageList, index: int) -> Label:
    label = images.labels[index]
    if not images.class_names:
        numbers: Label = label.tolist()
        return numbers
    if images.labels.ndim == 1:
        return images.class_names[label]
    return [name for name, present in zip(images.class_names, label, strict=True) if present]


def write_manifest(rows: Sequence[ManifestRow], path: Path) -> None:
    """Write a manifest: a line with the format and the number of images, then a line per image."""
    lines: list[dict[str, Any]] = [{"format": FORMAT, "images": len(rows)}, *map(asdict, rows)]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def read_manifest(path: Path) -> list[ManifestRow]:
    """Return the rows of a file.

    Raises:
        DataError: it is no manifest, has another format, or lacks rows.
    """
    try:
        header, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        version, count = header["format"], header["images"]
        if version != FORMAT:
            raise DataError(f"{path}: expected format {FORMAT}, received {version}")
        rows = [ManifestRow(**line) for line in lines]
    except (OSError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: expected a manifest of images, received: {error}") from None
    if len(rows) != count:
        raise DataError(f"{path}: expected {count} images, received {len(rows)}")
    return rows


@dataclass(frozen=True)
class Differences:
    """Files that differ between two manifests.

    Attributes:
        added: in the second only.
        removed: in the first only.
        content: in both, with other bytes.
        label: in both, with another label.
        split: in both, in another part.
        renamed: pairs of removed and added files with the same bytes; they are not in `added` and
            `removed`.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    split: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return any(asdict(self).values())


def compare_manifests(first: Sequence[ManifestRow], second: Sequence[ManifestRow]) -> Differences:
    """Return what differs between two manifests; the order of the rows does not matter."""
    before, after = ({row.file: row for row in rows} for rows in (first, second))
    both = [(before[file], row) for file, row in after.items() if file in before]
    removed = [row for file, row in before.items() if file not in after]
    added = [row for file, row in after.items() if file not in before]
    renamed = _renamed(removed, added)
    old_names, new_names = {old for old, _ in renamed}, {new for _, new in renamed}
    return Differences(
        tuple(row.file for row in added if row.file not in new_names),
        tuple(row.file for row in removed if row.file not in old_names),
        tuple(new.file for old, new in both if old.sha256 != new.sha256),
        tuple(new.file for old, new in both if old.label != new.label),
        tuple(new.file for old, new in both if old.split != new.split),
        tuple(renamed),
    )


def _renamed(removed: Sequence[ManifestRow], added: Sequence[ManifestRow]) -> list[tuple[str, str]]:
    """Return pairs of files whose content is in each list only once."""
    once = [Counter(row.sha256 for row in rows) for rows in (removed, added)]
    names = {row.sha256: row.file for row in added}
    return [
        (row.file, names[row.sha256])
        for row in removed
        if once[0][row.sha256] == once[1][row.sha256] == 1
    ]


def shared_images(rows: Sequence[ManifestRow]) -> list[list[ManifestRow]]:
    """Return groups of images with the same bytes that are in more than one split.

    A model that was trained on an image of its validation looks better than it is.
    """
    groups: dict[str, list[ManifestRow]] = defaultdict(list)
    for row in rows:
        groups[row.sha256].append(row)
    return [group for group in groups.values() if len({row.split for row in group}) > 1]
