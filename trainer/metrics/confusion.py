"""Confusion: which classes are taken for which."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from trainer.core.errors import ConfigError
from trainer.core.plotting import drawable
from trainer.core.table import table
from trainer.metrics.class_labels import class_label
from trainer.metrics.classification import NO_CLASS, predictions

MOST = 20  # classes that a screen and a picture with numbers have room for
_PAIRS = 10


class Confusion:
    """Counts of labels and predictions, one call per batch."""

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros((0, 0), np.int64)  # with NO_CLASS, the last one

    def __call__(self, scores: NDArray[Any], labels: NDArray[Any]) -> None:
        """Count a batch.

        Args:
            scores: [N, classes, ...]; the highest is the prediction.
            labels: [N, ...], 0 to classes - 1.

        Raises:
            ConfigError: a label is no class.
        """
        classes = range(scores.shape[1])
        if wrong := sorted({int(n) for n in np.unique(labels)} - set(classes)):
            received = ", ".join(map(str, wrong))
            problem = f"expected labels below {len(classes)}, received {received}"
            raise ConfigError([f"dataset: {problem}"])
        numbered = [*classes, NO_CLASS]
        counts = confusion_matrix(labels.ravel(), predictions(scores).ravel(), labels=numbered)
        self._counts = self._counts + counts if self._counts.size else counts

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows are labels, columns predictions; a sample with NaN scores has none."""
        return self._counts[:-1, :-1]

    @property
    def samples(self) -> NDArray[np.int64]:
        """Number of samples of each class."""
        return self._counts[:-1].sum(axis=1)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of a class's samples that were predicted correctly; NaN without samples."""
        return self._scores()[1]

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of a class's predictions that were correct; NaN without predictions."""
        return self._scores()[0]

    def _scores(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return precision and recall of each class: scikit-learn's, of the counts as weights."""
        classes = np.arange(len(self._counts) - 1)
        labels, answers = np.indices(self._counts.shape).reshape(2, -1)
        weights, options = self._counts.ravel(), {"labels": classes, "zero_division": np.nan}
        precision, recall, *_ = precision_recall_fscore_support(
            labels, answers, sample_weight=weights, **options
        )
        return precision, recall


def rows(confusion: Confusion, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return a record for each class, with its name if it has one; None: a share is not defined."""
    shares = zip(confusion.samples, confusion.precision, confusion.recall, strict=True)
    return [
        {
            "class": at,
            **({"name": names[at]} if at < len(names) else {}),
            "samples": int(n),
            "precision": _number(p),
            "recall": _number(r),
        }
        for at, (n, p, r) in enumerate(shares)
    ]


def _number(share: float) -> float | None:
    return None if np.isnan(share) else float(share)


def text(confusion: Confusion, names: Sequence[str] = ()) -> str:
    """Return the tables: of all classes or, where they are many, of the worst."""
    body = [_cells(row, names) for row in _worst(confusion)]
    shares = table([("class", "samples", "precision", "recall"), *body])
    if len(confusion.counts) <= MOST:
        return f"{shares}\n\n{_matrix(confusion.counts, names)}"
    head = f"the {MOST} worst of {len(confusion.counts)} classes, by recall"
    return f"{head}\n{shares}\n\nmost often confused\n{_pairs(confusion.counts, names)}"


def _worst(confusion: Confusion) -> list[dict[str, Any]]:
    records = rows(confusion)
    if len(records) <= MOST:
        return records
    return sorted((row for row in records if row["samples"]), key=lambda row: row["recall"])[:MOST]


def _cells(row: dict[str, Any], names: Sequence[str]) -> Sequence[str]:
    shares = (row["precision"], row["recall"])
    return (
        class_label(row["class"], names),
        f"{row['samples']:,}",
        *("none" if share is None else f"{100 * share:.1f} %" for share in shares),
    )


def _matrix(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    head = ["label", *(f"as {at}" for at in range(len(counts)))]
    body = [
        [class_label(at, names), *(str(n) if n else "." for n in row)]
        for at, row in enumerate(counts)
    ]
    return table([head, *body])


def _pairs(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    pairs = [np.unravel_index(at, wrong.shape) for at in order if wrong.flat[at]]
    body = [
        (
            class_label(int(label), names),
            class_label(int(answer), names),
            f"{wrong[label, answer]:,}",
        )
        for label, answer in pairs
    ]
    left = (0, 1) if names else (0,)
    return table([("label", "as", "samples"), *body], left)


def figure(confusion: Confusion, title: str, names: Sequence[str] = ()) -> Figure:
    """Return the picture; colour is the share of a label's samples, numbers are samples."""
    counts = confusion.counts
    size = min(12.0, max(4.5, 1.8 + 0.42 * len(counts)))
    picture = Figure(figsize=(size + 0.8, size), dpi=120, layout="constrained")
    axes = picture.add_subplot()
    shares = counts / np.maximum(confusion.samples, 1)[:, None]
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    picture.colorbar(image, label="share of the label's samples")
    axes.set(xlabel="prediction", ylabel="label")
    axes.set_title(title, fontsize=10)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=MOST, integer=True))
    if len(counts) <= MOST:
        _number_cells(axes, counts, shares)
        _name_ticks(axes, len(counts), names)
    return picture


def _name_ticks(axes: Axes, count: int, names: Sequence[str]) -> None:
    if names:
        labels = [drawable(class_label(at, names)) for at in range(count)]
        axes.set_yticks(range(count), labels, fontsize=8)
        axes.set_xticks(range(count), labels, fontsize=8, rotation=45, ha="right")


def _number_cells(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for (label, answer), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[label, answer] > 0.5 else "black"
            axes.text(answer, label, f"{count}", ha="center", va="center", color=colour, fontsize=7)
