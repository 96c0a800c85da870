"""Preview sheet: images as evaluation and as training see them, side by side."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.picture_grid import Picture, as_pixels
from trainer.data.batch_source import BatchSource
from trainer.data.loader_source import LoaderSource
from trainer.data.sample_reader import SampleReader
from trainer.data.sampling import sample_generator
from trainer.data.transform import Transform


def rows(
    train: BatchSource, transform: Transform | None, samples: int, views: int
) -> list[list[Picture]]:
    """Return the rows of the sheet: one per sample and, with mixing, one of a mixed batch.

    Args:
        train: the batches of training.
        transform: how images are prepared; None: they are used as they are.
        samples: number of samples.
        views: random versions of each, those of the first epochs.
    """
    if not isinstance(train, LoaderSource):
        return _batch_rows(train, samples, 1 + views)
    sheet = [_views(train, transform, index, views) for index in _chosen(train, samples)]
    if train.mixing is not None:
        sheet.append(_mixed(train, transform, 1 + views))
    return sheet


def _chosen(train: LoaderSource, samples: int) -> Sequence[int]:
    """Return the indices of samples of all classes in turn, or the first ones."""
    count, labels = len(train.origin), train.labels()
    if labels is None or labels.ndim != 1 or labels.dtype.kind != "i":
        return range(min(count, samples))
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order])
    rank_in_class = np.arange(count) - starts
    return order[np.argsort(rank_in_class, kind="stable")][:samples].tolist()


def _views(
    train: LoaderSource, transform: Transform | None, index: int, views: int
) -> list[Picture]:
    """Return a sample as evaluation sees it, and as each of the first epochs trains on it."""
    plain = SampleReader(train.origin, transform)
    prepared, label = _read(plain, train.seed, 0, index)
    pictures = [Picture(as_pixels(prepared, transform), _title(train, index, label))]
    if transform is None:
        return pictures
    for epoch in range(1, views + 1):
        prepared, _ = _read(train.reader, train.seed, epoch, index)
        pictures.append(Picture(as_pixels(prepared, transform), f"epoch {epoch}"))
    return pictures


def _read(reader: SampleReader, seed: int, epoch: int, index: int) -> tuple[NDArray[Any], Any]:
    out = [np.empty(one.shape, one.dtype) for one in reader.examples]
    label = reader(index, sample_generator(seed, epoch, index), out)
    return out[0], label


def _mixed(train: LoaderSource, transform: Transform | None, count: int) -> list[Picture]:
    """Return the first images of the first batch, mixed, with their shares of the classes."""
    images, *_, shares = next(iter(train.columns(1)))
    return [
        Picture(as_pixels(image, transform), "\n".join(_shares(train, share)))
        for image, share in zip(images[:count], shares[:count], strict=True)
    ]


def _shares(train: BatchSource, share: NDArray[Any]) -> list[str]:
    largest = np.argsort(share)[::-1][:2]
    return [f"{share[at]:.0%} {_class(train, int(at))}" for at in largest if share[at] > 0]


def _batch_rows(train: BatchSource, samples: int, width: int) -> list[list[Picture]]:
    """Return the first samples of a pipeline, which has no versions of one sample."""
    pictures: list[Picture] = []
    for images, *_, labels in train.columns(1):
        for image, label in zip(images, labels, strict=True):
            pictures.append(Picture(as_pixels(image, None), _label(train, label)))
        if len(pictures) >= samples:
            break
    pictures = list(islice(pictures, samples))
    return [pictures[at : at + width] for at in range(0, len(pictures), width)]


def _title(train: BatchSource, index: int, label: Any) -> str:
    files = getattr(train.origin, "files", None)
    name = str(files[index]).rpartition("/")[2] if files is not None else f"sample {index}"
    return f"{_label(train, label)}, {_shortened(name)}\nevaluation"


def _label(train: BatchSource, label: Any) -> str:
    if getattr(label, "ndim", 0) == 0 and np.asarray(label).dtype.kind == "i":
        return _class(train, int(label))
    if np.ndim(label) == 1 and train.class_names:
        names = [_class(train, int(at)) for at in np.flatnonzero(label)]
        return _shortened(", ".join(names) or "none")
    return _shortened(" ".join(f"{value:.3g}" for value in np.ravel(label)[:3]))


def _class(train: BatchSource, number: int) -> str:
    names = train.class_names
    return _shortened(names[number] if number < len(names) else f"class {number}")


def _shortened(text: str, most: int = 18) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
