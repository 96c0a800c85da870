"""The files of a data set with their labels."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageList:
    """Files and their labels, in a fixed order.

    Attributes:
        root: the folder that `files` are relative to.
        files: N paths with `/` between folders; an absolute path stays absolute.
        labels: [N] int32 class indices, [N, classes] float32 of 0 and 1 for several labels per
            image, or [N, K] float32 numbers.
        class_names: the name of each class index; empty for numbers.
        ignored: number of entries that are no images, by their kind, such as `hidden` or `.txt`.
    """

    root: Path
    files: tuple[str, ...]
    labels: NDArray[Any]
    class_names: tuple[str, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.files)

    def path(self, index: int) -> Path:
        """Return the path of a file, relative to the working directory if `root` is."""
        return self.root / self.files[index]

    def select(self, indices: NDArray[np.intp]) -> "ImageList":
        """Return the list of these images only, with the same classes."""
        files = tuple(self.files[index] for index in indices)
        return replace(self, files=files, labels=self.labels[indices])


@dataclass(frozen=True)
class Splits:
    """The parts of a data set; `validation` and `test` need not exist."""

    train: ImageList
    validation: ImageList | None = None
    test: ImageList | None = None

    def items(self) -> list[tuple[str, ImageList]]:
        """Return the names of the parts that exist and their images."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return [(name, part) for name, part in parts.items() if part is not None]


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a sorting key by which `2` comes before `10`, and `img2` before `img10`.

    Names without digits are ordered by code point, as Python sorts them.
    """
    parts = re.split(r"([0-9]+)", name)  # text and digits take turns, beginning with text
    numbers = tuple(int(part) if place % 2 else part for place, part in enumerate(parts))
    return numbers, name


def natural_order(names: set[str]) -> tuple[str, ...]:
    """Return names in natural order."""
    return tuple(sorted(names, key=natural_key))
