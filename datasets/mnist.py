"""MNIST: handwritten digits."""

from . import idx
from .arrays import Pipelines

SOURCE = idx.Source(
    places=("data/mnist",),
    advice="Put the files there, or name their folder: dataset.root=FOLDER",
    mean=0.1307,
    std=0.3081,
)


def mnist(
    batch_size: int, num_classes: int = 10, root: str | None = None, limit: int | None = None
) -> Pipelines:
    """Return 60,000 handwritten digits for training and 10,000 for validation.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (1998).
    Arguments, results and errors are those of `idx.load`; the usual folder is `data/mnist` in the
    current folder.
    """
    return idx.load(SOURCE, batch_size, num_classes, root, limit)
