"""Preview tables: the images of each class and part, and their sizes."""

from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.table import table
from trainer.core.text import printable, quantity
from trainer.data.batch_source import BatchSource
from trainer.data.build_sources import Sources
from trainer.data.loader_source import LoaderSource

_MOST_SIZES = 1000  # images whose size is read, evenly spread


def class_table(sources: Sources) -> str:
    """Return the number of samples of each class in each part, as far as it is known."""
    names = sources.train.class_names
    parts = dict(sources.items())
    labels = {name: part.labels() for name, part in parts.items()}
    counts: dict[str, Any] = {
        name: np.bincount(column) if column is not None and _are_classes(column) else None
        for name, column in labels.items()
    }
    known = [count for count in counts.values() if count is not None]
    rows = [("class", *parts)]
    for at in range(max([len(names), *map(len, known)])) if known else ():
        label = printable(names[at]) if at < len(names) else str(at)
        rows.append((label, *(_count(count, at) for count in counts.values())))
    totals = [_size(part) for part in parts.values()]
    return table([*rows, ("in all", *totals)])


def _are_classes(labels: NDArray[Any]) -> bool:
    return labels.ndim == 1 and labels.dtype.kind == "i"


def _count(counts: Any, at: int) -> str:
    if counts is None:
        return "?"
    return f"{int(counts[at]) if at < len(counts) else 0:,}"


def _size(part: BatchSource) -> str:
    """Return the number of samples; of a pipeline, that of its batches."""
    if not isinstance(part, LoaderSource):
        return quantity(part.batch_count, "batch", "batches")
    return f"{len(part.origin):,}"


def size_text(train: BatchSource) -> str:
    """Return the range of the widths and heights of training images; empty: they are not known."""
    if not isinstance(train, LoaderSource):
        return ""
    dataset = train.origin
    count = min(len(dataset), _MOST_SIZES)
    indices = np.linspace(0, len(dataset) - 1, count).astype(int)
    sizes = [size for index in indices if (size := _image_size(dataset, int(index)))]
    if not sizes:
        return ""
    widths, heights = zip(*sizes, strict=True)
    which = "the images" if count == len(dataset) else f"{count:,} of the training images"
    return f"sizes of {which}: width {_range(widths)}, height {_range(heights)}"


def _image_size(dataset: Any, index: int) -> tuple[int, int] | None:
    """Return width and height of an image; None: it has none, or cannot be read."""
    try:
        image = dataset[index][0]
    except Exception:  # a dataset may raise anything; the run reports it
        return None
    if hasattr(image, "width") and hasattr(image, "height"):
        return int(image.width), int(image.height)
    shape: tuple[int, ...] = getattr(image, "shape", ())
    return (shape[1], shape[0]) if len(shape) >= 2 else None


def _range(values: tuple[int, ...]) -> str:
    return f"{min(values)} to {max(values)} (median {median(values):g})"
