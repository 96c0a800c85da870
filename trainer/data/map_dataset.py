"""Map-style datasets: a length, and a sample for each index, as in PyTorch.

A dataset may also have these attributes, which are used where they are there:

    classes: the name of each class, in the order of the class numbers.
    labels: [N, ...] array of all labels, so that nothing is decoded to know them.
    files: N paths, which messages and the record of the data name.
    fingerprint(): text that changes when the data do.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class MapDataset(Protocol):
    """Samples by their index; several threads read them at once."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, index: int, /) -> Any:
        """Return a sample: the image, further inputs if the model has them, the label."""


def class_names(dataset: object) -> tuple[str, ...]:
    """Return the names of the classes; none if the dataset does not know them."""
    names: Sequence[Any] = getattr(dataset, "classes", None) or ()
    return tuple(str(name) for name in names)


def labels_of(dataset: object) -> NDArray[Any] | None:
    """Return all labels without reading a sample; None: the dataset does not know them."""
    labels = getattr(dataset, "labels", None)
    return None if labels is None else label_array(labels)


def label_array(label: Any) -> NDArray[Any]:
    """Return a label, or several, in the type in which it is trained on: int32 or float32."""
    array = np.asarray(label)
    if array.dtype.kind in "iub":
        return array.astype(np.int32)
    return array.astype(np.float32) if array.dtype.kind == "f" else array
