"""Head: a classifier is re-initialised if the file's has other classes. Pure Python."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.checkpoint.pretrained.provenance import REINITIALISED, Provenance

Arrays = Mapping[str, NDArray[np.generic]]
Shapes = Mapping[str, tuple[int, ...]]


def set_aside(
    provenance: Provenance, shapes: Shapes, arrays: Arrays, classifiers: Sequence[str]
) -> list[str]:
    """Return the parameters of classifiers whose number of outputs is another one in the file.

    Args:
        provenance: loses them, and gets a note on both numbers.
        shapes: of the model's parameters, by name.
        arrays: of the file, by its names.
        classifiers: names of cells.
    """
    names = [_set_aside(provenance, shapes, arrays, classifier) for classifier in classifiers]
    return [name for of_one in names for name in of_one]


def _set_aside(
    provenance: Provenance, shapes: Shapes, arrays: Arrays, classifier: str
) -> list[str]:
    names = [name for name in provenance.loaded if name.startswith(f"{classifier}.")]
    sizes = {(arrays[provenance.loaded[name]].shape[:1], shapes[name][:1]) for name in names}
    if len(sizes) != 1 or any(_rest(provenance, arrays, shapes, name) for name in names):
        return []
    ((theirs, own),) = sizes
    if theirs == own or not theirs:
        return []
    for name in names:
        origin = provenance.loaded.pop(name)
        provenance.ignored.setdefault(REINITIALISED, []).append(origin)
    note = f"its head has {theirs[0]} outputs, the model's {own[0]}"
    provenance.notes += [note] if note not in provenance.notes else []  # once for all heads
    return names


def _rest(provenance: Provenance, arrays: Arrays, shapes: Shapes, name: str) -> bool:
    """Tell whether the shapes of a parameter differ in more than the number of outputs."""
    return _inner(arrays[provenance.loaded[name]].shape) != _inner(shapes[name])


def _inner(shape: Sequence[int]) -> list[int]:
    return [size for size in shape[1:] if size != 1]
