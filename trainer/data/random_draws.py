"""Random draws: whether Python functions of a pipeline draw random numbers in several threads.

Their draws are seeded by epoch. In one thread, or in processes, each sample gets the same draw when
the epoch is prepared again. In several threads, the faster one draws first.
"""

import random
from collections.abc import Iterator
from typing import Any

import mindspore.dataset as ds
import numpy as np

from trainer.data.batches import seed_of


def racing_operations(pipeline: ds.Dataset, seed: int) -> list[str]:
    """Return the operations of a pipeline whose random draws cannot be repeated.

    Call it after a batch of epoch 0 was read: it compares the generators with those just seeded.

    Args:
        pipeline: of batches.
        seed: the run's.
    """
    if not has_drawn(seed):
        return []
    return list(dict.fromkeys(_threaded(pipeline)))


def has_drawn(run_seed: int) -> bool:
    """Tell whether reading a batch of epoch 0 has drawn from ``random`` or ``np.random``."""
    seed = seed_of(run_seed, 0)
    now, seeded = np.random.get_state(legacy=False), np.random.RandomState(seed)
    expected = seeded.get_state(legacy=False)
    is_same = _position(now) == _position(expected) and now["has_gauss"] == expected["has_gauss"]
    return not is_same or random.getstate() != random.Random(seed).getstate()


def _position(state: Any) -> tuple[bytes, int]:
    return state["state"]["key"].tobytes(), state["state"]["pos"]


def _threaded(node: ds.Dataset) -> Iterator[str]:
    """Yield the operations that run Python functions in several threads of this process."""
    workers = node.num_parallel_workers or ds.config.get_num_parallel_workers()
    in_processes = getattr(node, "python_multiprocessing", False)
    if workers > 1 and not in_processes and _runs_python(node):
        yield type(node).__name__.strip("_").removesuffix("Dataset").lower()
    for child in node.children:
        yield from _threaded(child)


def _runs_python(node: ds.Dataset) -> bool:
    if isinstance(node, ds.GeneratorDataset) or getattr(node, "per_batch_map", None) is not None:
        return True
    operations = getattr(node, "operations", None) or []
    each = operations if isinstance(operations, list | tuple) else [operations]
    return any(not _is_compiled(operation) for operation in each)


def _is_compiled(operation: Any) -> bool:
    """Tell whether an operation is one of MindSpore's in C++, which has its own seeds."""
    inner = getattr(operation, "transforms", None)
    if isinstance(inner, list | tuple):
        return all(_is_compiled(each) for each in inner)
    # MindSpore marks its wrapper of a Python function, as in Compose, like an operation in C++.
    is_wrapper = type(operation).__name__ == "FuncWrapper"
    implementation = getattr(operation, "implementation", None)
    return not is_wrapper and getattr(implementation, "name", "") == "C"
