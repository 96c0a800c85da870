"""Augmentation: whether a pipeline gives the same samples in every epoch."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import mindspore.dataset as ds
from numpy.typing import NDArray

from trainer.feature_cache.store import digests

# MindSpore's operations that draw: RandomCrop, RandAugment, AutoAugment, MixUpBatch and the like.
_RANDOM = re.compile(r"^Rand|Augment|^CutOut|^CutMix|^MixUp")
_EXPECTED_COMMON = (
    200  # samples that two equal epochs have in common, on average, among those looked at
)
_MIN_COMMON = 0.75  # of these; augmentation that leaves half of the images alone has 0.5


def random_operations(pipeline: ds.Dataset) -> list[str]:
    """Return the names of operations in a pipeline that are known to draw at random."""
    found = [type(operation).__name__ for operation in _operations(pipeline)]
    return list(dict.fromkeys(name for name in found if _RANDOM.search(name)))


def epochs_differ(epoch: Callable[[int], Iterable[Sequence[NDArray[Any]]]], samples: int) -> bool:
    """Tell whether epochs 1 and 2 have other samples, from as few as chance allows.

    Two epochs of N samples, each in an order of its own, have m * m / N in common among the first m
    of each. So with m = sqrt(200 N), 200 are expected; with many fewer they differ.

    Args:
        epoch: gives an epoch's batches: the input columns alone.
        samples: in an epoch.
    """
    count = min(samples, math.ceil(math.sqrt(_EXPECTED_COMMON * samples)))
    one, other = (set(islice(_sample_digests(epoch(number)), count)) for number in (1, 2))
    return len(one & other) < _MIN_COMMON * len(one) * len(other) / samples


def _sample_digests(batches: Iterable[Sequence[NDArray[Any]]]) -> Iterator[bytes]:
    for inputs in batches:
        yield from digests(inputs)


def _operations(pipeline: ds.Dataset) -> Iterator[Any]:
    own = getattr(pipeline, "operations", None) or ()
    yield from _flatten(own if isinstance(own, list | tuple) else [own])
    for child in pipeline.children:
        yield from _operations(child)


def _flatten(operations: Iterable[Any]) -> Iterator[Any]:
    for operation in operations:
        yield operation
        inner = getattr(operation, "transforms", None)
        yield from _flatten(inner if isinstance(inner, list | tuple) else ())
