"""Detects pipelines that give other samples in every epoch, by random augmentation."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import mindspore.dataset as ds
from numpy.typing import NDArray

from trainer.feature_cache.store import digests

# MindSpore's random operations: RandomCrop, RandAugment, AutoAugment, MixUpBatch and the like.
_RANDOM = re.compile(r"^Rand|Augment|^CutOut|^CutMix|^MixUp")
_EXPECTED_COMMON = 200  # samples that two equal epochs share on average, among those compared
_MIN_COMMON = 0.75  # of these; augmentation that leaves half of the images alone has 0.5


def random_operations(origin: Any) -> list[str]:
    """Return the names of the operations in a pipeline that are known to be random.

    Of a dataset in custom code whose samples are random, it is the name of its class.
    """
    if not isinstance(origin, ds.Dataset):
        return [type(origin.source).__name__] if getattr(origin, "draws", False) else []
    names = [type(operation).__name__ for operation in _operations(origin)]
    return list(dict.fromkeys(name for name in names if _RANDOM.search(name)))


def epochs_differ(epoch: Callable[[int], Iterable[Sequence[NDArray[Any]]]], samples: int) -> bool:
    """Return whether epochs 1 and 2 have different samples, judged by as few as suffice.

    Two epochs of the same N samples in different random orders are expected to share m * m / N of
    their first m samples: 200 for m = sqrt(200 N). If they share far fewer, they differ.

    Args:
        epoch: returns the batches of an epoch: the input columns alone.
        samples: number of samples per epoch.
    """
    count = min(samples, math.ceil(math.sqrt(_EXPECTED_COMMON * samples)))
    one, other = (set(islice(_sample_digests(epoch(number)), count)) for number in (1, 2))
    return len(one & other) < _MIN_COMMON * len(one) * len(other) / samples


def _sample_digests(batches: Iterable[Sequence[NDArray[Any]]]) -> Iterator[bytes]:
    for inputs in batches:
        yield from digests(inputs)


def _operations(pipeline: ds.Dataset) -> Iterator[Any]:
    operations = getattr(pipeline, "operations", None) or ()
    yield from _flatten(operations if isinstance(operations, list | tuple) else [operations])
    for child in pipeline.children:
        yield from _operations(child)


def _flatten(operations: Iterable[Any]) -> Iterator[Any]:
    for operation in operations:
        yield operation
        inner = getattr(operation, "transforms", None)
        yield from _flatten(inner if isinstance(inner, list | tuple) else ())
