"""Orders of an epoch and random generators that depend on the seed, the epoch and the image alone.

So the same bits come from any number of threads and ranks, and a run that resumes in the middle of
an epoch needs nothing of what was drawn before. Each generator is a Philox stream of its own: its
key and counter name what is drawn, and none of the 2**64 blocks of one stream is in another.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ConfigError

Indices = NDArray[np.int64]

_SAMPLE, _BATCH, _ORDER = range(3)


def sample_generator(seed: int, epoch: int, index: int, repeat: int = 0) -> np.random.Generator:
    """Return the generator of one image in one epoch, in 7 microseconds.

    Args:
        seed: the run's.
        epoch: at least 0.
        index: of the image in its list, at least 0.
        repeat: how often the image came before in the epoch, as a balanced order repeats some.
    """
    return _generator(_SAMPLE, seed, epoch, index, repeat)


def batch_generator(seed: int, epoch: int, batch: int) -> np.random.Generator:
    """Return the generator of one batch, for what images of a batch share, such as mixup."""
    return _generator(_BATCH, seed, epoch, batch, 0)


def shuffled_order(count: int, seed: int, epoch: int) -> Indices:
    """Return the indices of ``count`` images in the random order of an epoch."""
    return _generator(_ORDER, seed, epoch, 0, 0).permutation(count)


def balanced_order(labels: NDArray[Any], seed: int, epoch: int) -> Indices:
    """Return as many indices as there are images, the same number of each class, in random order.

    Images of rare classes come several times, of frequent classes not all: none of a class comes
    again before each other has come. If the classes do not divide the number of images, some that
    are drawn get one image more.

    Args:
        labels: [N] class indices.
        seed: the run's.
        epoch: at least 0.

    Raises:
        ConfigError: ``labels`` are not class indices.
    """
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        received = f"labels of shape {labels.shape} and type {labels.dtype}"
        expected = "expected one class per image"
        raise ConfigError([f"dataset.sampler=balanced: {expected}, received {received}"])
    random = _generator(_ORDER, seed, epoch, 1, 0)
    classes = random.permutation(np.unique(labels))
    share, more = divmod(len(labels), len(classes))
    parts = [
        _cycle(np.flatnonzero(labels == label), share + (place < more), random)
        for place, label in enumerate(classes)
    ]
    return random.permutation(np.concatenate(parts))


def _cycle(members: Indices, count: int, random: np.random.Generator) -> Indices:
    rounds = -(-count // len(members))
    return np.concatenate([random.permutation(members) for _ in range(max(1, rounds))])[:count]


def repeats(order: Indices) -> Indices:
    """Return for each place of an order how often its index came before."""
    places = np.argsort(order, kind="stable")
    ordered = order[places]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(order) else places
    first = np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    counts = np.empty(len(order), np.int64)
    counts[places] = np.arange(len(order)) - first
    return counts


def batch_count(count: int, batch_size: int, drop_last: bool) -> int:
    """Return the number of batches; a last one that is not full may be dropped."""
    return count // batch_size if drop_last else -(-count // batch_size)


def rank_places(count: int, batch_size: int, batch: int, rank: int, world_size: int) -> slice:
    """Return the places in an order that a rank reads for a batch.

    A batch is cut into equal parts, one per rank. What does not divide is dropped, as it is where
    each rank reads all of a batch.

    Args:
        count: images in the order.
        batch_size: of all ranks together.
        batch: number of the batch, from 0.
        rank: from 0.
        world_size: number of ranks.
    """
    start = batch * batch_size
    share = (min(start + batch_size, count) - start) // world_size
    return slice(start + rank * share, start + (rank + 1) * share)


def _generator(purpose: int, seed: int, epoch: int, index: int, repeat: int) -> np.random.Generator:
    key = np.array([seed % 2**64, purpose], np.uint64)
    counter = np.array([0, repeat, index, epoch], np.uint64)  # drawing counts up the first number
    return np.random.Generator(np.random.Philox(counter=counter, key=key))
