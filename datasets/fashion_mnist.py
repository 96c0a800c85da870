"""Fashion-MNIST: articles of clothing, with MNIST's sizes and files."""

from . import idx
from .arrays import Pipelines

SOURCE = idx.Source(
    places=("/usr/share/datasets/fashion-mnist", "data/fashion-mnist"),
    advice="Install Debian's package: apt-get install dataset-fashion-mnist\n"
    "or put the files there, or name their folder: dataset.root=FOLDER",
    mean=0.2860,
    std=0.3530,
)


def fashion_mnist(
    batch_size: int, num_classes: int = 10, root: str | None = None, limit: int | None = None
) -> Pipelines:
    """Return 60,000 images of clothing for training and 10,000 for validation.

    Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST" (arXiv:1708.07747, 2017).
    Arguments, results and errors are those of `idx.load`; the usual folders are that of Debian's
    package dataset-fashion-mnist, then `data/fashion-mnist` in the current folder.
    """
    return idx.load(SOURCE, batch_size, num_classes, root, limit)
