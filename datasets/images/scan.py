"""Finds the images of a folder tree: class folders, and what in them is no image."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .errors import DataError
from .image_list import ImageList, natural_key, natural_order

SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif"]
)
"""Endings of image files, in lower case; upper-case endings are recognised too."""

_SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})

HIDDEN = "hidden"
OUTSIDE = "image outside a class folder"
BROKEN = "broken link"


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden, or made by an operating system."""
    return name.startswith(".") or name in _SYSTEM_FOLDERS


def class_folders(root: Path) -> list[str]:
    """Return the names of the visible folders in a folder, in natural order.

    Raises:
        DataError: the folder does not exist or cannot be read.
    """
    return list(
        natural_order({e.name for e in _entries(root) if not is_hidden(e.name) and _is_folder(e)})
    )


def scan_classes(
    root: Path, folder: str = "", class_names: tuple[str, ...] | None = None
) -> ImageList:
    """Return the images of all class folders; nested folders belong to their class.

    Args:
        root: the folder that paths are relative to.
        folder: the folder in `root` that contains one folder per class; `""` is `root` itself.
        class_names: the classes to expect, in the order of their indices; `None` takes all folders
            in natural order.

    Raises:
        DataError: there are no class folders, one of them has no images, or it is not among
            `class_names`.
    """
    folders = class_folders(root / folder)
    names = class_names or tuple(folders)
    _check_names(root / folder, folders, names)
    ignored = Counter(_kinds_outside(root / folder))
    files: list[str] = []
    labels: list[int] = []
    for name in folders:
        class_files = _class_files(root, f"{folder}/{name}".lstrip("/"), ignored)
        files += class_files
        labels += [names.index(name)] * len(class_files)
    return ImageList(root, tuple(files), np.array(labels, np.int32), names, dict(ignored))


def find_images(folder: Path) -> tuple[list[Path], dict[str, int]]:
    """Return all images under a folder in natural order, and how many entries are none, by kind.

    Raises:
        DataError: the folder does not exist or cannot be read.
    """
    kinds = dict(_walk(folder, "", ()))
    images = (path for path, kind in kinds.items() if not kind)
    ordered = sorted(images, key=lambda path: [natural_key(name) for name in path.split("/")])
    return [folder / path for path in ordered], dict(Counter(filter(None, kinds.values())))


def _check_names(folder: Path, folders: list[str], names: tuple[str, ...]) -> None:
    if not folders:
        raise DataError(f"{folder}: expected one folder per class, received no folders")
    unknown = [name for name in folders if name not in names]
    if unknown:
        raise DataError(
            f"{folder}: expected only classes of the training images ({', '.join(names)}), "
            f"received {', '.join(unknown)}"
        )


def _class_files(root: Path, folder: str, ignored: Counter[str]) -> list[str]:
    files = []
    for file, kind in _walk(root, folder, ()):
        if kind:
            ignored[kind] += 1
        else:
            files.append(file)
    if not files:
        raise DataError(
            f"{root / folder}: expected at least one image of the class, received none; delete the "
            f"folder or add images ({' '.join(sorted(SUFFIXES))})"
        )
    return sorted(files)


def _walk(root: Path, folder: str, parents: tuple[Path, ...]) -> Iterator[tuple[str, str]]:
    """Yield each file under a folder and why it is ignored; an image has no such reason.

    Links are followed, except back into a folder that is being read.
    """
    real = (root / folder).resolve()
    if real in parents:
        return
    for entry in _entries(root / folder):
        path = f"{folder}/{entry.name}".lstrip("/")
        if is_hidden(entry.name):
            yield path, HIDDEN
        elif _is_folder(entry):
            yield from _walk(root, path, (*parents, real))
        else:
            yield path, _kind(entry)


def _kind(entry: "os.DirEntry[str]") -> str:
    stem, _, ending = entry.name.rpartition(".")
    suffix = f".{ending.lower()}"
    if stem and suffix in SUFFIXES:
        return "" if _is_file(entry) else BROKEN
    return suffix if stem and ending else "no ending"


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Return whether an entry is a folder, or links to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _kinds_outside(folder: Path) -> Iterator[str]:
    """Yield the kind of each entry next to the class folders."""
    for entry in _entries(folder):
        if is_hidden(entry.name):
            yield HIDDEN
        elif not _is_folder(entry):
            yield _kind(entry) or OUTSIDE


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise DataError(
            f"{folder}: expected a folder of images, received: {error.strerror}"
        ) from None
